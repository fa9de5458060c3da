//! `ping --sweep` finds the largest message that passes: client, router and server in network
//! namespaces, whose limits are known. IPv4 and IPv6, UDP and TCP.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::schemas::assert_lines;
use crate::support::{Ended, Running, Served, own, run_bullhorn};
use crate::support_path::{CLIENT, Path, ROUTER, SERVER, endpoints_of};

/// The largest datagram and the headers of its packet, by family.
const MAX: [u64; 2] = [65_507, 65_527];
const HEADERS: [u64; 2] = [28, 48];

/// The router drops its own reports of what is too big.
const NO_REPORTS: [&str; 2] = [
    "icmp type destination-unreachable drop",
    "icmpv6 type packet-too-big drop",
];

/// Limits what the router forwards to an address to packets of 1400 bytes.
fn narrow_to([ipv4, ipv6]: [&str; 2], cable: &str, path: &Path) {
    let router = &path.router;
    Path::ip(router, &format!("route add {ipv4}/32 dev {cable} mtu 1400"));
    let ipv6 = format!("-6 route add {ipv6}/128 dev {cable} mtu 1400");
    Path::ip(router, &ipv6);
}

fn sweep(path: &Path, endpoint: &str, sizes: &str, arguments: &[&str]) -> Ended {
    let sizes = format!("--sweep={sizes}");
    let timeout = ["--timeout", "300ms"];
    path.run(&[&["ping", &sizes, endpoint], &timeout[..], arguments].concat())
}

/// The summary, and the verdict as text has it.
fn summary(path: &Path, endpoint: &str, sizes: &str) -> (Value, String) {
    // A new network takes a moment until its neighbours are known.
    let ended = path.run(&["send", "--retries", "20", endpoint, "hello"]);
    assert_eq!(ended.code, 0, "{endpoint}: {ended:?}");
    let ended = sweep(path, endpoint, sizes, &["--json"]);
    assert_eq!(ended.code, 0, "{endpoint}: {}", ended.text());
    let events = assert_lines("sweep", &ended.text());
    assert_eq!(events[0], "begin");
    assert!(events[1..events.len() - 1].iter().all(|it| it == "size"));
    let summary = ended.summary();
    let verdict = summary["verdict"].as_str().unwrap().to_owned();
    (summary, verdict)
}

/// The largest message that passed and the smallest that did not.
fn ends(limit: &Value) -> Value {
    assert_eq!(limit["complete"], true, "{limit}");
    json!([limit["passed_bytes"], limit["lost_bytes"]])
}

#[test]
fn loopback_has_no_limit_but_its_own_mtu() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "udp://[::1]:0"]);
    let swept: Vec<Value> = served
        .endpoints
        .iter()
        .map(|endpoint| {
            let ended = run_bullhorn(["ping", "--sweep", "--json", endpoint]);
            assert_eq!(ended.code, 0, "{ended:?}");
            assert_lines("sweep", &ended.text());
            ended.summary()
        })
        .collect();
    assert_eq!(ends(&swept[0]["unfragmented"]), json!([65_507, null]));
    assert_eq!(swept[0]["fragmented"], json!(null));
    assert_eq!(swept[0]["sent"], 2, "{}", swept[0]);
    assert_eq!(ends(&swept[1]["stream"]), json!([65_536, null]));
    // A packet of 65,527 bytes and its headers does not fit the interface.
    assert_eq!(ends(&swept[2]["unfragmented"]), json!([65_488, 65_489]));
    assert_eq!(swept[2]["unfragmented"]["reason"], "local_mtu");
    assert_eq!(swept[2]["local_mtu"], 65_536);
    assert_eq!(ends(&swept[2]["fragmented"]), json!([65_527, null]));
}

#[test]
fn the_local_mtu_is_told_from_that_of_the_path() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    for (endpoint, family) in endpoints_of("udp", SERVER) {
        let (summary, verdict) = summary(&path, &endpoint, "..");
        let passed = 1500 - HEADERS[family];
        let limit = &summary["unfragmented"];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        assert_eq!(limit["reason"], "local_mtu", "{summary}");
        assert_eq!(summary["local_mtu"], 1500);
        assert_eq!(summary["path_mtu"], json!(null));
        assert_eq!(ends(&summary["fragmented"]), json!([MAX[family], null]));
        let words = format!(
            "{passed} bytes pass unfragmented (local MTU 1500); fragments pass up to {}",
            MAX[family]
        );
        assert_eq!(verdict, words);
        assert!(summary["sent"].as_u64() < Some(20), "{summary}");
    }
}

#[test]
fn a_router_that_reports_the_mtu_is_named() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    narrow_to(SERVER, "far", &path);
    for (endpoint, family) in endpoints_of("udp", SERVER) {
        let (summary, verdict) = summary(&path, &endpoint, "..");
        let passed = 1400 - HEADERS[family];
        let limit = &summary["unfragmented"];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        assert_eq!(summary["path_mtu"], 1400);
        assert_eq!(limit["reason"], "too_big");
        assert_eq!(limit["too_big"]["sender"], ROUTER[family]);
        assert_eq!(limit["too_big"]["mtu"], 1400);
        assert_eq!(limit["black_hole"], false);
        assert_eq!(ends(&summary["fragmented"]), json!([MAX[family], null]));
        let words = format!(
            "{passed} bytes pass unfragmented (path MTU 1400, reported by {}); \
             fragments pass up to {}",
            ROUTER[family], MAX[family]
        );
        assert_eq!(verdict, words);
        assert!(summary["sent"].as_u64() < Some(20), "{summary}");
        // What the kernel has learned by now does not change the result.
        let again = sweep(&path, &endpoint, "..", &[]);
        assert!(again.text().contains(&words), "{again:?}");
        assert!(again.text().contains("too big for the path"), "{again:?}");
    }
}

#[test]
fn a_path_that_drops_icmp_is_a_black_hole() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    narrow_to(SERVER, "far", &path);
    Path::firewall(&path.router, "output", &NO_REPORTS);
    for (endpoint, family) in endpoints_of("udp", SERVER) {
        let (summary, verdict) = summary(&path, &endpoint, "..");
        let passed = 1400 - HEADERS[family];
        let limit = &summary["unfragmented"];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        assert_eq!(summary["path_mtu"], 1400);
        assert_eq!(limit["reason"], "silence");
        assert_eq!(limit["black_hole"], true);
        assert_eq!(limit["too_big"], json!(null));
        assert_eq!(ends(&summary["fragmented"]), json!([MAX[family], null]));
        let words = format!(
            "{passed} bytes pass unfragmented (path MTU 1400); larger ones vanish silently: \
             something drops ICMP, or drops them without ICMP; fragments pass up to {}",
            MAX[family]
        );
        assert_eq!(verdict, words);
    }
}

#[test]
fn a_limit_of_the_way_back_shows_too() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    narrow_to(CLIENT, "near", &path);
    Path::firewall(&path.router, "output", &NO_REPORTS);
    for (endpoint, family) in endpoints_of("udp", SERVER) {
        let (summary, _) = summary(&path, &endpoint, "..");
        let passed = 1400 - HEADERS[family];
        let limit = &summary["unfragmented"];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        assert_eq!(limit["black_hole"], true);
    }
}

#[test]
fn a_path_that_drops_fragments_passes_what_fits_one_packet() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    let rules = ["ip frag-off & 0x3fff != 0 drop", "exthdr frag exists drop"];
    Path::firewall(&path.server, "prerouting", &rules);
    for (endpoint, family) in endpoints_of("udp", SERVER) {
        let (summary, verdict) = summary(&path, &endpoint, "..");
        let passed = 1500 - HEADERS[family];
        let limit = &summary["unfragmented"];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        let limit = &summary["fragmented"];
        assert_eq!(ends(limit), json!([null, passed + 1]), "{summary}");
        assert_eq!(limit["reason"], "silence");
        let words =
            format!("{passed} bytes pass unfragmented (local MTU 1500); fragments vanish silently");
        assert_eq!(verdict, words);
    }
}

#[test]
fn over_tcp_the_segment_size_falls_with_the_path_mtu_while_all_sizes_pass() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    narrow_to(SERVER, "far", &path);
    // Headers of IP and TCP, with timestamps.
    for (endpoint, family) in endpoints_of("tcp", SERVER) {
        let headers = [52, 72][family];
        let (summary, verdict) = summary(&path, &endpoint, "..");
        assert_eq!(ends(&summary["stream"]), json!([65_536, null]));
        let mss = json!({
            "at_connect": 1500 - headers,
            "in_force": 1400 - headers,
            "path_mtu": 1400,
        });
        assert_eq!(summary["mss"], mss, "{summary}");
        let words = format!(
            "65536 bytes pass over TCP (MSS {}, {} at first, path MTU 1400 as far as the kernel \
             knows), the largest message tried",
            1400 - headers,
            1500 - headers
        );
        assert_eq!(verdict, words);
    }
}

#[test]
fn over_tcp_full_segments_vanish_in_a_black_hole() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    narrow_to(SERVER, "far", &path);
    Path::firewall(&path.router, "output", &NO_REPORTS);
    for (endpoint, family) in endpoints_of("tcp", SERVER) {
        let headers = [52, 72][family];
        let (summary, verdict) = summary(&path, &endpoint, "1300..1500");
        // A line end follows each message.
        let passed = 1400 - headers - 1;
        let limit = &summary["stream"];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        assert_eq!(limit["black_hole"], true);
        assert_eq!(summary["mss"]["in_force"], 1500 - headers);
        let words = format!("{passed} bytes pass over TCP (MSS {}", 1500 - headers);
        assert!(verdict.starts_with(&words), "{verdict}");
        assert!(verdict.contains("larger ones vanish silently"), "{verdict}");
    }
}

#[test]
fn a_firewall_that_rejects_large_messages_is_named() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    let rules = ["meta length > 1000 reject with icmpx type admin-prohibited"];
    Path::firewall(&path.router, "forward", &rules);
    for (endpoint, family) in endpoints_of("udp", SERVER) {
        let (summary, verdict) = summary(&path, &endpoint, "..1400");
        let limit = &summary["unfragmented"];
        let passed = 1000 - HEADERS[family];
        assert_eq!(ends(limit), json!([passed, passed + 1]), "{summary}");
        assert_eq!(limit["reason"], "rejected");
        let words = format!("larger ones do not: rejected by {}", ROUTER[family]);
        assert!(verdict.contains(&words), "{verdict}");
    }
}

#[test]
fn when_nothing_passes_the_exit_code_says_why() {
    let Some(path) = Path::new() else { return };
    for scheme in ["udp", "tcp"] {
        for (endpoint, _) in endpoints_of(scheme, SERVER) {
            let ended = sweep(&path, &endpoint, "..", &[]);
            assert_eq!(ended.code, 4, "{ended:?}");
            let words = "refused: nothing is listening there";
            assert!(ended.text().contains(words), "{ended:?}");
        }
    }
    Path::firewall(&path.router, "forward", &["drop"]);
    for scheme in ["udp", "tcp"] {
        for (endpoint, _) in endpoints_of(scheme, SERVER) {
            let ended = sweep(&path, &endpoint, "..", &["--json"]);
            assert_eq!(ended.code, 5, "{ended:?}");
            assert_lines("sweep", &ended.text());
        }
    }
}

#[test]
fn an_echo_is_a_wrong_answer() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", echo.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 1000];
        while let Ok((length, peer)) = echo.recv_from(&mut buffer) {
            let _ = echo.send_to(&buffer[..length], peer);
        }
    });
    let ended = run_bullhorn(["ping", "--sweep=100..200", &endpoint]);
    assert_eq!(ended.code, 3, "{ended:?}");
    let words = "do not pass unfragmented: wrong answer: the text came back unchanged";
    assert!(ended.text().contains(words), "{ended:?}");
}

#[test]
fn a_signal_ends_it_with_what_is_known() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    narrow_to(SERVER, "far", &path);
    Path::firewall(&path.router, "output", &NO_REPORTS);
    let (endpoint, _) = &endpoints_of("udp", SERVER)[0];
    let mut command = Path::command(&path.client, crate::support::program());
    let arguments = ["ping", "--sweep", "--timeout", "30s", "--json", endpoint];
    command.args(arguments).stdout(Stdio::piped());
    let mut running = Running::start(command.stderr(Stdio::piped()));
    let mut lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
    // The first sizes are settled, and the next one has no answer.
    let mut last = String::new();
    while !last.contains("\"passed\":true") {
        last = lines.next().unwrap().unwrap();
    }
    running.signal("INT");
    let summary: Value = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .last()
        .unwrap();
    assert_eq!(running.wait().code(), Some(0), "{summary}");
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["unfragmented"]["complete"], false, "{summary}");
    assert!(
        summary["unfragmented"]["passed_bytes"].is_u64(),
        "{summary}"
    );
    let verdict = summary["verdict"].as_str().unwrap();
    assert!(verdict.contains("the sweep ended before"), "{verdict}");
}

#[test]
fn what_cannot_be_swept_is_a_usage_error() {
    let unix = own("unix:@bullhorn-test-sweep");
    for (arguments, words) in [
        (vec!["--sweep=10..100"], "at least 27 bytes"),
        (vec!["--sweep=200..100"], "200 is above 100"),
        (vec!["--sweep=..70000"], "70000"),
        (vec!["--sweep=100"], "must be a range of bytes"),
        (vec!["--sweep", "--count", "3"], "--count"),
        (vec!["--sweep", &unix], "has no path with an MTU"),
    ] {
        let ended = run_bullhorn([&["ping"], &arguments[..]].concat());
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {ended:?}");
    }
}
