//! A prober that is stopped for a while reports that, and not a loss of its own making.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Running, Served, bullhorn};

/// How long a stop lasts; the probes are due meanwhile.
const STOP: Duration = Duration::from_secs(6);

/// Starts `ping` with these arguments, stops it after its first lines, lets it go on, and returns all
/// that it prints.
fn stopped_ping(endpoint: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = bullhorn();
    command.args(["ping", endpoint]).args(arguments);
    let mut process = Running::start(command.stdout(Stdio::piped()));
    let mut output: BufReader<ChildStdout> = BufReader::new(process.child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..20 {
        output.read_line(&mut text).unwrap();
    }
    process.signal("STOP");
    std::thread::sleep(STOP);
    process.signal("CONT");
    output.read_to_string(&mut text).unwrap();
    (process.wait().code().unwrap(), text)
}

#[test]
fn probes_that_were_due_while_it_was_stopped_are_skipped_and_counted() {
    // Of 3,000 at once, such a server would drop most.
    let served = Served::start(&["udp://127.0.0.1:0", "--rate-limit", "1000/s"]);
    let arguments = ["--json", "-i", "2ms", "-c", "400", "-W", "3s"];
    let (code, text) = stopped_ping(served.endpoint(), &arguments);
    assert_eq!(code, 0, "{text}");
    let events = crate::schemas::assert_lines("ping", &text);
    assert!(events.iter().any(|event| event == "skipped"), "{text}");
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert!(count("skipped") >= 2900, "{summary}");
    let counts = ["sent", "ok", "lost", "outages"].map(count);
    assert_eq!(counts, [400, 400, 0, 0], "{summary}");
    // When the answer came that was due while it was stopped is unknown.
    let max_ns = summary["rtt"]["max_ns"].as_u64().unwrap();
    assert!(u128::from(max_ns) < STOP.as_nanos() / 2, "{summary}");
}

#[test]
fn the_text_says_how_long_it_was_stopped_and_how_much_was_skipped() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let arguments = ["-i", "100ms", "-c", "25", "-W", "3s"];
    let (code, text) = stopped_ping(served.endpoint(), &arguments);
    assert_eq!(code, 0, "{text}");
    // Counted from when the first of them was due.
    let event = "probes: the prober itself was stopped or held up for ";
    let (_, seconds) = text.split_once(event).expect("no such line");
    assert!(seconds.starts_with("5.9 s") || seconds.starts_with("6."));
    assert!(text.contains("local: ") && text.contains("probes skipped, due while"));
    assert!(text.contains("25 sent = 25 ok"), "{text}");
}
