//! The memory of `bench` and `ping` is limited for any arguments: the largest and the smallest value
//! of every flag works or is refused with one line.

use crate::support::{Ended, Served, own, run_bullhorn};

fn assert_usage_error(ended: &Ended, limit: &str) {
    assert_eq!((ended.code, ended.text().as_str()), (2, ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stderr.contains(limit), "{ended:?}");
}

#[test]
fn a_load_of_more_than_a_gibibyte_is_refused_with_its_limit() {
    for endpoint in [
        "udp://127.0.0.1:9",
        "tcp://127.0.0.1:9",
        "unix:@bullhorn-unserved",
        "unixgram:@bullhorn-unserved",
    ] {
        let size = if endpoint.starts_with("tcp") || endpoint.starts_with("unix:") {
            "1048576"
        } else {
            "65507"
        };
        for arguments in [
            vec!["--window", "65536", "--size", size],
            vec!["--window", "65536", "--flows", "64", "--size", size],
            vec!["--window", "65536", "--flows", "65536", "--size", "17"],
            vec!["--rate", "1", "--flows", "1048576"],
            vec![
                "--rate",
                "4294967295",
                "--timeout",
                "99y",
                "--flows",
                "1048576",
            ],
        ] {
            let ended = run_bullhorn([&["bench", endpoint][..], &arguments].concat());
            assert_usage_error(&ended, "1 GiB");
        }
    }
}

#[test]
fn a_probe_too_long_for_a_datagram_or_line_is_refused_with_the_limit() {
    for (endpoint, limit) in [
        ("udp://127.0.0.1:9", "65507"),
        ("udp://[::1]:9", "65527"),
        ("unixgram:@bullhorn-unserved", "65536"),
        ("tcp://127.0.0.1:9", "268435456"),
        ("unix:@bullhorn-unserved", "268435456"),
    ] {
        for size in ["268435457", "1000000000000", "18446744073709551615"] {
            let ended = run_bullhorn(["ping", endpoint, "-c", "1", "-s", size]);
            assert_usage_error(&ended, limit);
        }
        let ended = run_bullhorn(["ping", endpoint, "-c", "1", "-s", "18446744073709551616"]);
        assert_usage_error(&ended, "--size");
    }
    let flows = ["--flows", "1024", "-s", "2000000"];
    let ended = run_bullhorn(["ping", "tcp://127.0.0.1:9"].iter().chain(&flows));
    assert_usage_error(&ended, "1 GiB");
}

/// The run ends by itself, with one line of error or a result that balances.
fn assert_works_or_is_refused(arguments: &[&str]) {
    let ended = run_bullhorn(arguments);
    assert!((0..=7).contains(&ended.code), "{arguments:?}: {ended:?}");
    if ended.text().is_empty() {
        assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {ended:?}");
    } else {
        let summary = ended.summary();
        let number = |key: &str| summary[key].as_u64().unwrap();
        let settled = number("ok") + number("corrupt") + number("lost") + number("pending");
        assert_eq!(number("sent"), settled, "{arguments:?}: {summary}");
    }
}

#[test]
fn the_extremes_of_every_flag_of_bench_work_or_are_refused_with_one_line() {
    let unix = own("unix:@bullhorn-test-bench-limits");
    let unixgram = own("unixgram:@bullhorn-test-bench-limits-datagram");
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0", &unix, &unixgram]);
    for endpoint in &served.endpoints {
        for arguments in [
            vec!["--flows", "1048576"],
            vec!["--flows", "0"],
            vec!["--window", "65536"],
            vec!["--window", "0"],
            vec!["--window", "65536", "--flows", "1", "--size", "9000"],
            vec!["--rate", "4294967295"],
            vec!["--rate", "1"],
            vec!["--rate", "4294967295", "--timeout", "99y"],
            vec!["--duration", "1ns"],
            vec!["--duration", "99y", "--count", "10"],
            vec!["--duration", "101y"],
            vec!["--count", "18446744073709551615"],
            vec!["--count", "1"],
            vec!["--count", "0"],
            vec!["--size", "16"],
            vec!["--size", "1048576"],
            vec!["--size", "4294967295"],
            vec!["--threads", "1024", "--flows", "1024"],
            vec!["--timeout", "1ns"],
            vec!["--timeout", "99y"],
            vec!["--spin", "1ns"],
            vec!["--spin", "99y"],
        ] {
            let mut all = vec!["bench", endpoint, "--json", "--warmup", "off"];
            all.extend(&arguments);
            if !arguments.contains(&"--duration") {
                all.extend(["--duration", "50ms"]);
            }
            assert_works_or_is_refused(&all);
        }
    }
}

#[test]
fn the_extremes_of_every_flag_of_ping_work_or_are_refused_with_one_line() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for endpoint in &served.endpoints {
        for arguments in [
            vec!["--interval", "1ns", "--count", "1000"],
            vec!["--interval", "99y", "--count", "1"],
            vec!["--interval", "99y", "--deadline", "50ms"],
            vec!["--count", "18446744073709551615", "--deadline", "50ms"],
            vec!["--count", "0"],
            vec!["--deadline", "1ns"],
            vec!["--deadline", "99y", "--count", "1"],
            vec!["--timeout", "1ns", "--count", "1"],
            vec!["--timeout", "99y", "--count", "1"],
            vec!["--linger", "1ns", "--count", "1"],
            vec!["--linger", "99y", "--deadline", "50ms"],
            vec!["--flows", "1024", "--count", "1024", "--interval", "1ns"],
            vec!["--flows", "18446744073709551615", "--count", "1"],
            vec!["--flows", "0", "--count", "1"],
            vec!["--size", "27", "--count", "1"],
            vec!["--size", "0", "--count", "1"],
            vec!["--size", "65507", "--count", "1"],
            vec!["--size", "4000000", "--count", "1", "--timeout", "15s"],
        ] {
            let mut all = vec!["ping", endpoint, "--json"];
            all.extend(&arguments);
            assert_works_or_is_refused(&all);
        }
    }
}
