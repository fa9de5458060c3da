//! A bad network inside the server: `ping` and `bench` find exactly what it did.

use serde_json::Value;

use crate::support::{Ended, Served, Totals, bullhorn, own, run, run_bullhorn};

/// Serves with an impairment and probes with `arguments`; returns the summary and the totals.
fn probe_through(
    endpoint: &str,
    impairment: &str,
    seed: &str,
    arguments: &[&str],
) -> (Value, Totals) {
    let served = Served::start(&[endpoint, "--impair", impairment, "--seed", seed]);
    let ended = ping(served.endpoint(), arguments);
    let totals = served.stop();
    assert_eq!(totals.code, Some(0), "{totals:?}");
    assert_equal(&ended.summary(), &totals.summary);
    (ended.summary(), totals)
}

/// [`probe_through`] with the load generator.
fn load_through(
    endpoint: &str,
    impairment: &str,
    seed: &str,
    arguments: &[&str],
) -> (Value, Totals) {
    let served = Served::start(&[endpoint, "--impair", impairment, "--seed", seed]);
    let common = ["bench", "--json", served.endpoint(), "--warmup", "off"];
    let ended = run(bullhorn().args(common).args(arguments), b"");
    assert_eq!(ended.stderr, "");
    crate::schemas::assert_lines("bench", &ended.text());
    let totals = served.stop();
    assert_eq!(totals.code, Some(0), "{totals:?}");
    assert_equal_load(&ended.summary(), &totals.summary);
    (ended.summary(), totals)
}

fn ping(endpoint: &str, arguments: &[&str]) -> Ended {
    // A copy of the last answer may still be on its way when all probes are settled.
    let common = ["ping", "--json", endpoint, "--linger", "500ms"];
    let ended = run(bullhorn().args(common).args(arguments), b"");
    assert_eq!(ended.stderr, "");
    crate::schemas::assert_lines("ping", &ended.text());
    ended
}

/// Compares every count of the client with the server's.
fn assert_equal(found: &Value, server: &Value) {
    let truth = &server["endpoints"][0];
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value}"));
    let impaired = |name| number(&truth["impaired"][name]);
    let counts = |name| number(&found[name]);
    let context = format!("found {found}\ntruth {server}");
    assert_eq!(number(&truth["kernel_dropped"]), 0, "{context}");
    assert_eq!(counts("local_drops"), 0, "{context}");
    let tried = counts("fresh_ports_tried");
    let answered = counts("fresh_ports_answered");
    // The queue of a Unix socket may be full for a moment.
    let unsent = counts("unsent");
    assert_eq!(
        counts("sent") - unsent + tried,
        number(&truth["received"]),
        "{context}"
    );
    assert_eq!(
        counts("ok") + counts("corrupt") + counts("late") + answered,
        number(&truth["answered"]),
        "{context}"
    );
    assert_eq!(
        counts("lost") - unsent - counts("late") + tried - answered,
        impaired("lost"),
        "{context}"
    );
    assert_eq!(truth["dropped"], truth["impaired"]["lost"], "{context}");
    assert_eq!(
        truth["dropped_by"]["impaired"], truth["dropped"],
        "{context}"
    );
    for (of_client, of_server) in [
        ("corrupt", "corrupted"),
        ("duplicate", "duplicated"),
        ("reordered", "reordered"),
    ] {
        assert_eq!(
            counts(of_client),
            impaired(of_server),
            "{of_client}: {context}"
        );
    }
    let sum = counts("ok") + counts("corrupt") + counts("lost") + counts("pending");
    assert_eq!(counts("sent"), sum, "{context}");
    assert_eq!((counts("pending"), counts("stray")), (0, 0), "{context}");
}

/// Compares every count of the load generator with the server's.
fn assert_equal_load(found: &Value, server: &Value) {
    let truth = &server["endpoints"][0];
    let context = format!("found {found}\ntruth {server}");
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{value}: {context}"))
    };
    let impaired = |name| number(&truth["impaired"][name]);
    let counts = |name| number(&found[name]);
    assert_eq!(number(&truth["kernel_dropped"]), 0, "{context}");
    for (what, of_client, of_server) in [
        ("sent", counts("sent"), number(&truth["received"])),
        (
            "answers",
            counts("ok") + counts("corrupt") + counts("late"),
            number(&truth["answered"]),
        ),
        ("lost", counts("lost") - counts("late"), impaired("lost")),
        ("all lost", number(&truth["dropped"]), impaired("lost")),
        ("corrupt", counts("corrupt"), impaired("corrupted")),
        ("duplicate", counts("duplicate"), impaired("duplicated")),
        ("pending", counts("pending"), 0),
        ("stray", counts("stray"), 0),
        (
            "sum",
            counts("ok") + counts("corrupt") + counts("lost"),
            counts("sent"),
        ),
    ] {
        assert_eq!(of_client, of_server, "{what}: {context}");
    }
}

/// With a timeout longer than a busy machine needs: a late answer would count as late.
const FAST: [&str; 6] = ["-c", "500", "-i", "1ms", "-W", "3s"];

#[test]
fn all_kinds_at_once_are_found_exactly() {
    let impairment = "loss=5%,duplicate=3%,reorder=2%,corrupt=1%";
    let arguments = ["-c", "1000", "-i", "1ms", "-W", "3s"];
    let (found, _) = probe_through("udp://127.0.0.1:0", impairment, "7", &arguments);
    assert_eq!(found["sent"], 1000);
    for name in ["lost", "duplicate", "reordered", "corrupt"] {
        assert!(found[name].as_u64() > Some(0), "{name}: {found}");
    }
}

#[test]
fn loss_is_found_exactly() {
    let (found, _) = probe_through("udp://127.0.0.1:0", "loss=20%", "1", &FAST);
    assert!(
        (50..150).contains(&found["lost"].as_u64().unwrap()),
        "{found}"
    );
}

#[test]
fn duplicates_are_found_exactly() {
    let (found, _) = probe_through("udp://[::1]:0", "duplicate=50%", "2", &FAST);
    assert!(found["duplicate"].as_u64() > Some(150), "{found}");
}

#[test]
fn reordering_is_found_exactly() {
    let (found, _) = probe_through("udp://127.0.0.1:0", "reorder=40%", "3", &FAST);
    assert!(found["reordered"].as_u64() > Some(100), "{found}");
}

#[test]
fn corruption_is_found_exactly() {
    let arguments = ["-c", "500", "-i", "1ms", "-W", "3s", "--size", "27"];
    let (found, _) = probe_through("udp://127.0.0.1:0", "corrupt=50%", "4", &arguments);
    assert!(found["corrupt"].as_u64() > Some(150), "{found}");
}

#[test]
fn delay_is_found_and_keeps_the_order() {
    let (found, totals) = probe_through("udp://127.0.0.1:0", "delay=20ms+-5ms", "5", &FAST);
    let truth = &totals.summary["endpoints"][0];
    assert_eq!(truth["impaired"]["delayed"], 500);
    assert_eq!(found["reordered"], 0);
    assert!(
        found["rtt"]["min_ns"].as_u64() >= Some(15_000_000),
        "{found}"
    );
}

#[test]
fn a_delay_over_the_timeout_makes_every_answer_late_and_none_lost_for_good() {
    let arguments = ["-c", "20", "-i", "1ms", "-W", "20ms", "--linger", "2s"];
    let served = Served::start(&["udp://127.0.0.1:0", "--impair", "delay=200ms"]);
    let ended = run(
        bullhorn()
            .args(["ping", "--json", served.endpoint()])
            .args(arguments),
        b"",
    );
    let found = ended.summary();
    crate::schemas::assert_lines("ping", &ended.text());
    assert_eq!(
        (&found["lost"], &found["late"]),
        (&20.into(), &20.into()),
        "{found}"
    );
    assert_eq!(ended.code, 1);
    assert_equal_received(&found, &served.stop().summary);
}

fn assert_equal_received(found: &Value, server: &Value) {
    let sent = found["sent"].as_u64().unwrap() + found["fresh_ports_tried"].as_u64().unwrap();
    assert_eq!(server["received"], sent);
    assert_eq!(server["received"], server["answered"]);
}

#[test]
fn every_flow_and_unix_datagrams_are_impaired_too() {
    let impairment = "loss=10%,duplicate=10%,reorder=10%,corrupt=10%,delay=2ms±1ms";
    let arguments = ["-c", "500", "-i", "1ms", "-W", "3s", "--flows", "7"];
    let (found, _) = probe_through("udp://127.0.0.1:0", impairment, "8", &arguments);
    assert_eq!(found["flows"].as_array().map(Vec::len), Some(7));
    let endpoint = own("unixgram:@bullhorn-test-impair");
    let (found, _) = probe_through(&endpoint, impairment, "9", &FAST);
    assert!(found["corrupt"].as_u64() > Some(10), "{found}");
}

#[test]
fn the_same_seed_does_the_same_and_another_does_not() {
    let truth = |seed| {
        let (_, totals) = probe_through("udp://127.0.0.1:0", "loss=30%,duplicate=30%", seed, &FAST);
        totals.summary["endpoints"][0]["impaired"].clone()
    };
    assert_eq!(truth("1"), truth("1"));
    assert_ne!(truth("1"), truth("2"));
}

/// Few in flight, so that the machine itself loses nothing.
const LOAD: [&str; 8] = [
    "--count",
    "4000",
    "--flows",
    "4",
    "--window",
    "16",
    "--timeout",
    "3s",
];

#[test]
fn bench_finds_all_kinds_at_once_exactly() {
    let impairment = "loss=5%,duplicate=3%,reorder=2%,corrupt=1%,delay=2ms±1ms";
    for arguments in [
        &[][..],
        &["--no-offload"],
        &["--threads", "2"],
        &["--rate", "5000"],
    ] {
        let arguments = [&LOAD, arguments].concat();
        let (found, _) = load_through("udp://127.0.0.1:0", impairment, "7", &arguments);
        assert_eq!(found["sent"], 4000);
        for name in ["lost", "duplicate", "corrupt"] {
            assert!(found[name].as_u64() > Some(10), "{name}: {found}");
        }
    }
}

#[test]
fn bench_finds_loss_exactly() {
    let (found, _) = load_through("udp://[::1]:0", "loss=20%", "1", &LOAD);
    let lost = found["lost"].as_u64().unwrap();
    assert!((600..1000).contains(&lost), "{found}");
    assert_eq!(found["loss_ppm"], lost * 250);
}

#[test]
fn bench_finds_duplicates_exactly() {
    let (found, _) = load_through("udp://127.0.0.1:0", "duplicate=50%", "2", &LOAD);
    assert!(found["duplicate"].as_u64() > Some(1500), "{found}");
    assert_eq!(found["ok"], 4000);
}

#[test]
fn bench_counts_reordered_answers_as_right_and_nothing_else() {
    let (found, totals) = load_through("udp://127.0.0.1:0", "reorder=40%", "3", &LOAD);
    let impaired = &totals.summary["endpoints"][0]["impaired"];
    assert!(impaired["reordered"].as_u64() > Some(800), "{totals:?}");
    assert_eq!([&found["ok"], &found["duplicate"]], [4000, 0], "{found}");
}

#[test]
fn bench_finds_corruption_exactly_wherever_the_bit_is() {
    // In the smallest text every changed bit is in the number that identifies it.
    for size in ["16", "64"] {
        let arguments = [&LOAD[..], &["--size", size]].concat();
        let (found, _) = load_through("udp://127.0.0.1:0", "corrupt=50%", "4", &arguments);
        assert!(found["corrupt"].as_u64() > Some(1500), "{found}");
    }
}

#[test]
fn bench_finds_delay() {
    let (found, totals) = load_through("udp://127.0.0.1:0", "delay=20ms+-5ms", "5", &LOAD);
    let impaired = &totals.summary["endpoints"][0]["impaired"];
    assert_eq!(impaired["delayed"], 4000);
    let shortest = found["latency"]["min_ns"].as_u64();
    assert!(shortest >= Some(15_000_000), "{found}");
}

#[test]
fn bench_finds_impaired_unix_datagrams_exactly() {
    let impairment = "loss=10%,duplicate=10%,reorder=10%,corrupt=10%";
    // A receive queue of Unix datagrams holds ten of them, and no more.
    let arguments = [
        "--count",
        "2000",
        "--flows",
        "4",
        "--window",
        "4",
        "--timeout",
        "3s",
    ];
    let endpoint = own("unixgram:@bullhorn-test-impair-load");
    let (found, _) = load_through(&endpoint, impairment, "9", &arguments);
    assert!(found["corrupt"].as_u64() > Some(50), "{found}");
}

#[test]
fn held_answers_are_still_sent_at_the_end() {
    let impairment = ["--impair", "reorder=100%,delay=30s"];
    let served = Served::start(&["udp://127.0.0.1:0", impairment[0], impairment[1]]);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(crate::support::TEST_TIMEOUT))
        .unwrap();
    socket.send_to(b"a", ("127.0.0.1", served.port(0))).unwrap();
    socket.send_to(b"b", ("127.0.0.1", served.port(0))).unwrap();
    let totals = served.stop();
    let mut buffer = [0; 8];
    assert_eq!(
        socket
            .recv(&mut buffer)
            .map(|length| buffer[..length].to_vec())
            .unwrap(),
        b"A"
    );
    assert_eq!(
        socket
            .recv(&mut buffer)
            .map(|length| buffer[..length].to_vec())
            .unwrap(),
        b"B"
    );
    totals.assert_datagrams(2, 2, 0);
    assert_eq!(totals.summary["endpoints"][0]["impaired"]["reordered"], 0);
}

#[test]
fn a_held_answer_that_nothing_overtakes_is_sent_after_a_while() {
    let served = Served::start(&["udp://127.0.0.1:0", "--impair", "reorder=100%"]);
    let ended = ping(served.endpoint(), &["-c", "1", "-W", "30s"]);
    assert_eq!(ended.summary()["ok"], 1);
    assert_equal(&ended.summary(), &served.stop().summary);
}

#[test]
fn send_gets_every_answer_through_a_bad_network() {
    let impairment = "loss=10%,duplicate=10%,reorder=10%,delay=1ms±1ms";
    let served = Served::start(&["udp://127.0.0.1:0", "--impair", impairment]);
    let lines: String = (0..300).map(|number| format!("line {number}\n")).collect();
    let ended = run(
        bullhorn().args([
            "send",
            served.endpoint(),
            "--retries",
            "20",
            "--timeout",
            "100ms",
        ]),
        lines.as_bytes(),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.text(), lines.to_uppercase());
}

#[test]
fn a_malformed_impairment_is_a_usage_error() {
    for impairment in ["loss=200%", "jam=1%", "loss"] {
        let ended = run_bullhorn(["serve", "udp://127.0.0.1:0", "--impair", impairment]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
    }
    let ended = run_bullhorn(["serve", "tcp://127.0.0.1:0", "--impair", "loss=1%"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("datagrams"), "{}", ended.stderr);
}
