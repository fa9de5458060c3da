//! What the verbs print follows the published JSON schemas, which name every key.

use std::net::UdpSocket;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Served, bullhorn, own, run, run_bullhorn};

/// The published schema of a verb.
fn published(verb: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{verb}.json"));
    let text = std::fs::read_to_string(path).expect("no such schema");
    serde_json::from_str(&text).expect("no JSON")
}

/// The schema of a verb, in which a key that it does not name is an error. In the published form
/// it is not, as keys may be added.
fn strict(verb: &str) -> jsonschema::Validator {
    let mut schema = published(verb);
    assert!(jsonschema::meta::is_valid(&schema), "{verb}");
    forbid_unknown_keys(&mut schema);
    jsonschema::draft202012::new(&schema).expect("no schema")
}

fn forbid_unknown_keys(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(forbid_unknown_keys);
            if object.get("properties").is_some_and(Value::is_object)
                && object.contains_key("required")
            {
                object.insert("additionalProperties".into(), json!(false));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(forbid_unknown_keys),
        _ => {}
    }
}

/// Validates every line against the schema, the last of which must be a summary; returns the events
/// seen. The schema requires every number to be an integer.
pub fn assert_lines(verb: &str, output: &str) -> Vec<String> {
    let schema = strict(verb);
    let mut events = Vec::new();
    for line in output.lines() {
        let value: Value = serde_json::from_str(line).expect("no JSON");
        if let Err(error) = schema.validate(&value) {
            let branches = schema.iter_errors(&value).map(|error| error.to_string());
            panic!(
                "{verb}: {line}\n{error}\n{:?}",
                branches.collect::<Vec<_>>()
            );
        }
        events.push(value["event"].as_str().expect("no event").to_owned());
    }
    assert_eq!(
        events.last().map(String::as_str),
        Some("summary"),
        "{output}"
    );
    events
}

#[test]
fn a_wrong_line_is_found() {
    let schema = strict("send");
    let mut line = json!({"schema": "bullhorn.send/1", "event": "summary",
        "given": "udp://127.0.0.1:1", "endpoint": "udp://127.0.0.1:1",
        "texts": 1, "right": 1, "wrong": 0, "failed": 0});
    assert!(schema.is_valid(&line));
    line["right"] = json!(-1);
    assert!(!schema.is_valid(&line));
    line["right"] = json!(1);
    line["surprise"] = json!(1);
    assert!(!schema.is_valid(&line));
}

#[test]
fn serve_follows_its_schema() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "tcp://127.0.0.1:0",
        own("unixgram:@bullhorn-test-schema").as_str(),
        own("unixpacket:@bullhorn-test-schema").as_str(),
    ]);
    for endpoint in &served.endpoints {
        assert_eq!(run_bullhorn(["send", endpoint, "a"]).code, 0);
    }
    let mut lines: Vec<String> = served.ready.iter().map(Value::to_string).collect();
    lines.push(served.stop().summary.to_string());
    assert_eq!(assert_lines("serve", &lines.join("\n")).len(), 5);
    let impaired = Served::start(&["udp://127.0.0.1:0", "--impair", "loss=1%"]);
    assert_lines("serve", &impaired.stop().summary.to_string());
}

#[test]
fn send_follows_its_schema() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let ended = run(
        bullhorn().args(["send", "--json", served.endpoint()]),
        b"a\n\xff\n",
    );
    assert_eq!(
        assert_lines("send", &ended.text()),
        ["answer", "answer", "summary"]
    );
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let ended = run_bullhorn(["send", "--json", &endpoint, "--timeout", "1ms", "a"]);
    assert_eq!(assert_lines("send", &ended.text()), ["failure", "summary"]);
}

#[test]
fn demo_follows_its_schema() {
    let ended = run_bullhorn(["demo", "--json"]);
    assert_eq!(assert_lines("demo", &ended.text()).len(), 10);
}

#[test]
fn ping_follows_its_schema() {
    let impair = "duplicate=20%,loss=10%,reorder=20%,corrupt=10%";
    let served = Served::start(&["udp://127.0.0.1:0", "--impair", impair, "--seed", "1"]);
    let arguments = ["-i", "1ms", "-c", "200", "-W", "200ms", "--flows", "2"];
    let ended = run(
        bullhorn()
            .args(["ping", "--json", served.endpoint()])
            .args(arguments),
        b"",
    );
    let events = assert_lines("ping", &ended.text());
    for event in [
        "begin",
        "answer",
        "duplicate",
        "lost",
        "wrong_answer",
        "summary",
    ] {
        assert!(events.iter().any(|met| met == event), "{event} not met");
    }
    let ended = run_bullhorn([
        "ping",
        "--json",
        "tcp://127.0.0.1:9",
        "-c",
        "4",
        "-i",
        "1ms",
    ]);
    let events = assert_lines("ping", &ended.text());
    assert!(events.iter().any(|met| met == "outage_begin"), "{events:?}");
}

/// Validates what `bench` prints with these arguments against its schema.
fn bench(endpoint: &str, arguments: &[&str]) -> Value {
    let ended = run(
        bullhorn()
            .args(["bench", "--json", endpoint])
            .args(arguments),
        b"",
    );
    assert_eq!(assert_lines("bench", &ended.text()), ["summary"]);
    ended.summary()
}

#[test]
fn every_key_of_bench_is_always_there() {
    let schema = published("bench");
    for object in [&schema, &schema["$defs"]["latency"]] {
        let keys: Vec<&String> = object["properties"].as_object().unwrap().keys().collect();
        assert_eq!(json!(keys), object["required"]);
    }
}

#[test]
fn bench_follows_its_schema() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "tcp://[::1]:0",
        own("unix:@bullhorn-test-schema-bench").as_str(),
        own("unixgram:@bullhorn-test-schema-bench").as_str(),
        own("unixpacket:@bullhorn-test-schema-bench").as_str(),
    ]);
    for endpoint in &served.endpoints {
        let closed = ["--warmup", "10ms", "--count", "100", "--timeout", "20s"];
        let summary = bench(endpoint, &closed);
        assert_eq!(
            [&summary["mode"], &summary["ok"]],
            [&json!("closed"), &json!(100)]
        );
        assert!(summary["window"].is_u64() && summary["service"].is_null());
        let open = ["--rate", "2000", "--threads", "2"];
        let summary = bench(endpoint, &[&open[..], &closed].concat());
        assert_eq!(
            [&summary["mode"], &summary["window"]],
            [&json!("open"), &json!(null)]
        );
        assert!(summary["service"]["p50_ns"].is_u64(), "{summary}");
    }
}

#[test]
fn bench_follows_its_schema_when_there_are_no_answers() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    for load in [["--window", "4"], ["--rate", "1000"]] {
        let all = [&load[..], &["--count", "20", "--timeout", "50ms"]].concat();
        let summary = bench(&endpoint, &all);
        assert_eq!([&summary["sent"], &summary["lost"]], [20, 20], "{summary}");
        assert_eq!(summary["loss_ppm"], 1_000_000);
        assert!(summary["latency"]["max_ns"].is_null(), "{summary}");
        assert_eq!(summary["latency_histogram"], json!([]));
    }
}

#[test]
fn bench_follows_its_schema_when_answers_are_wrong_and_thresholds_exceeded() {
    let impair = "loss=20%,duplicate=20%,corrupt=20%";
    let served = Served::start(&["udp://127.0.0.1:0", "--impair", impair]);
    let baseline = tempfile::NamedTempFile::new().unwrap();
    let first = bench(served.endpoint(), &["--count", "100", "--timeout", "1s"]);
    std::fs::write(baseline.path(), first.to_string()).unwrap();
    let summary = bench(
        served.endpoint(),
        &[
            "--count",
            "100",
            "--timeout",
            "1s",
            "--baseline",
            baseline.path().to_str().unwrap(),
            "--fail-if",
            "loss>1%,p50>+0.0001%,rate>+0%",
            "--fail-if",
            "p99.99>1ns",
        ],
    );
    let crossed = summary["crossed"].as_array().unwrap();
    assert!(crossed.contains(&json!("loss>1%")), "{summary}");
    assert!(crossed.contains(&json!("p99.99>1ns")), "{summary}");
}
