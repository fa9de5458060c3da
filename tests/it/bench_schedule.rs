//! `bench --rate`: the schedule is exact, and every run ends when it should.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Served, run_bullhorn};

/// Far longer than any run takes.
const SLACK: Duration = Duration::from_secs(15);

fn bench(endpoint: &str, rate: u32, arguments: &[&str]) -> (i32, Value) {
    let rate = rate.to_string();
    let begin = Instant::now();
    let ended = run_bullhorn(
        ["bench", endpoint, "--json", "--rate", &rate]
            .iter()
            .chain(arguments),
    );
    assert!(
        begin.elapsed() < SLACK,
        "{rate}/s took {:?}",
        begin.elapsed()
    );
    crate::schemas::assert_lines("bench", &ended.text());
    let summary = ended.summary();
    let number = |key: &str| summary[key].as_u64().unwrap();
    let settled = number("ok") + number("corrupt") + number("lost") + number("pending");
    assert_eq!(number("sent"), settled, "{summary}");
    (ended.code, summary)
}

#[test]
fn a_rate_up_to_2000_a_second_sends_exactly_what_its_duration_holds() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for endpoint in &served.endpoints {
        for (rate, seconds, threads) in [
            (29, 1, "1"),
            (450, 1, "1"),
            (900, 1, "2"),
            (1900, 1, "1"),
            (2000, 1, "3"),
        ] {
            let duration = format!("{seconds}s");
            let arguments = ["--duration", &duration, "--threads", threads];
            let (_, summary) = bench(endpoint, rate, &arguments);
            assert_eq!(summary["sent"], u64::from(rate) * seconds, "{summary}");
        }
    }
}

#[test]
fn runs_with_rates_that_a_test_machine_need_not_keep_end_and_balance() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for endpoint in &served.endpoints {
        for rate in [29_000, 55_000, 110_000, 220_000] {
            let arguments = ["--duration", "200ms", "--warmup", "1s"];
            let (_, summary) = bench(endpoint, rate, &arguments);
            let sent = summary["sent"].as_u64().unwrap();
            assert!((1..=u64::from(rate) / 5).contains(&sent), "{summary}");
        }
    }
}

#[test]
fn the_backlog_of_the_warm_up_is_skipped_and_reported_separately() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let arguments = ["--warmup", "500ms", "--duration", "300ms"];
    let (_, summary) = bench(served.endpoint(), 200_000_000, &arguments);
    let number = |key: &str| summary[key].as_u64().unwrap();
    assert!(number("sent") > 0, "{summary}");
    assert!(number("warmup_skipped") > 0, "{summary}");
    assert!(
        number("warmup_sent") + number("warmup_skipped") == 100_000_000,
        "{summary}"
    );
    assert!(number("sending_ns") >= 300_000_000, "{summary}");
    assert_eq!(summary["generator_was_the_limit"], true, "{summary}");
}
