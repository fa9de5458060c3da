//! What a firewall, a router or the target itself reports is named by `send`, `ping` and `bench`,
//! with its sender and the exit code: client, router and server in network namespaces, IPv4 and
//! IPv6, UDP and TCP. Each test is a row of the table in docs/ping.md.

use serde_json::{Value, json};

use crate::schemas::assert_lines;
use crate::support::Ended;
use crate::support_path::{CLIENT, Path, ROUTER, SERVER, endpoints_of};

const SCHEMES: [&str; 2] = ["udp", "tcp"];

/// Rules that reject everything to the server in this way.
const PROHIBITED: [&str; 2] = [
    "ip daddr 10.77.1.2 reject with icmp type admin-prohibited",
    "ip6 daddr fd77:1::2 reject with icmpv6 type admin-prohibited",
];
const PORT_UNREACHABLE: [&str; 2] = [
    "ip daddr 10.77.1.2 reject with icmp type port-unreachable",
    "ip6 daddr fd77:1::2 reject with icmpv6 type port-unreachable",
];

/// What every verb is to report about a target.
struct Expected {
    /// Of the message, and whether it is of ICMP, by family.
    icmp: Option<[(u8, u8); 2]>,
    outcome: &'static str,
    reporter: &'static str,
    /// By family.
    sender: Option<[&'static str; 2]>,
    words: [&'static str; 2],
    code: i32,
}

impl Expected {
    /// Holds all verbs over these schemes and both families against it.
    fn assert(&self, path: &Path, schemes: &[&str], address: [&str; 2]) {
        for scheme in schemes {
            for (endpoint, family) in endpoints_of(scheme, address) {
                self.assert_send(path, &endpoint, family);
                self.assert_ping(path, &endpoint, family);
                self.assert_bench(path, &endpoint, family);
            }
        }
    }

    fn assert_send(&self, path: &Path, endpoint: &str, family: usize) {
        let arguments = ["--json", "--timeout", "5s", "--retries", "0"];
        let ended = path.run(&[&["send", endpoint, "hello"], &arguments[..]].concat());
        self.assert_end(&ended, &ended.stderr, endpoint, family);
        // Over TCP the failure comes before the first text.
        if let Some(line) = ended.text().lines().find(|line| line.contains("failure")) {
            assert_lines("send", &ended.text());
            let line: Value = serde_json::from_str(line).unwrap();
            self.assert_path_error(&line["path_error"], family);
        }
    }

    fn assert_ping(&self, path: &Path, endpoint: &str, family: usize) {
        let arguments = ["ping", "-c", "1", "-W", "5s", endpoint];
        let ended = path.run(&arguments);
        self.assert_end(&ended, &ended.text(), endpoint, family);
        let ended = path.run(&[&arguments[..], &["--json"]].concat());
        assert_lines("ping", &ended.text());
        let summary = ended.summary();
        assert_eq!(ended.code, self.code, "{summary}");
        assert_eq!(summary["behaviour"], self.outcome, "{endpoint} {summary}");
        assert_eq!(summary[self.outcome], 1, "{endpoint} {summary}");
        let path_errors = summary["path_errors"].as_array().unwrap();
        assert_eq!(path_errors.len(), 1, "{endpoint} {summary}");
        assert_eq!(path_errors[0]["count"], 1, "{endpoint} {summary}");
        self.assert_path_error(&path_errors[0], family);
        for (behaviour, code, found) in [
            (self.outcome, 0, "as expected"),
            ("silence", self.code, "expected silence, found"),
        ] {
            let expects = ["--expect", behaviour];
            let ended = path.run(&[&arguments[..], &expects].concat());
            assert_eq!(ended.code, code, "{endpoint} {behaviour}: {ended:?}");
            assert!(ended.text().contains(found), "{endpoint}: {ended:?}");
        }
    }

    fn assert_bench(&self, path: &Path, endpoint: &str, family: usize) {
        let arguments = ["bench", "-c", "10", "--timeout", "5s", endpoint];
        let ended = path.run(&arguments);
        self.assert_end(&ended, &ended.stderr, endpoint, family);
    }

    fn assert_end(&self, ended: &Ended, output: &str, endpoint: &str, family: usize) {
        assert_eq!(ended.code, self.code, "{endpoint}: {ended:?}");
        let words = self.words[family];
        assert!(output.contains(words), "{endpoint}: {words}: {ended:?}");
    }

    fn assert_path_error(&self, error: &Value, family: usize) {
        let of = |name: &str| error[name].clone();
        let icmp = self.icmp.map(|icmp| icmp[family]);
        let protocol = icmp.map(|_| ["icmp", "icmpv6"][family]);
        assert_eq!(
            json!([of("outcome"), of("reporter"), of("protocol"), of("sender")]),
            json!([
                self.outcome,
                self.reporter,
                protocol,
                self.sender.map(|sender| sender[family])
            ]),
            "{error}"
        );
        assert_eq!(
            json!([of("type"), of("code")]),
            json!([icmp.map(|(kind, _)| kind), icmp.map(|(_, code)| code)]),
            "{error}"
        );
    }
}

/// The report about a SYN may come before `connect` returns (veth is that fast), and is then taken
/// with the first look at the connection.
#[test]
fn each_connection_of_ping_has_its_own_report() {
    let Some(path) = Path::new() else { return };
    for rules in [PROHIBITED, PORT_UNREACHABLE] {
        Path::firewall(&path.router, "forward", &rules);
        assert_three_connections(&path, "rejected", 4);
    }
    Path::firewall(&path.client, "output", &PROHIBITED);
    assert_three_connections(&path, "unsent", 7);
}

fn assert_three_connections(path: &Path, outcome: &str, code: i32) {
    for (endpoint, _) in endpoints_of("tcp", SERVER) {
        for flags in [&[][..], &["--reconnect"]] {
            let arguments = ["ping", "--json", "-c", "3", "-i", "50ms", &endpoint];
            let ended = path.run(&[&arguments[..], flags].concat());
            assert_eq!(ended.summary()[outcome], 3, "{endpoint} {ended:?}");
            assert_eq!(ended.code, code, "{endpoint} {ended:?}");
        }
    }
}

#[test]
fn a_closed_port_is_refused_by_the_target() {
    let Some(path) = Path::new() else { return };
    let refused = Expected {
        icmp: Some([(3, 3), (1, 4)]),
        outcome: "refused",
        reporter: "target",
        sender: Some(SERVER),
        words: ["refused: nothing is listening there"; 2],
        code: 4,
    };
    refused.assert(&path, &["udp"], SERVER);
    let reset = Expected {
        icmp: None,
        sender: None,
        ..refused
    };
    reset.assert(&path, &["tcp"], SERVER);
    // A reset by a firewall on the way is the same packet.
    let rules = ["meta l4proto tcp reject with tcp reset"];
    Path::firewall(&path.router, "forward", &rules);
    reset.assert(&path, &["tcp"], SERVER);
}

#[test]
fn a_firewall_that_prohibits_is_named_with_its_address_and_code() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    Path::firewall(&path.router, "forward", &PROHIBITED);
    let rejected = Expected {
        icmp: Some([(3, 13), (1, 1)]),
        outcome: "rejected",
        reporter: "router",
        sender: Some(ROUTER),
        words: [
            "rejected by 10.77.0.1: ICMP 3/13, administratively prohibited",
            "rejected by fd77::1: ICMPv6 1/1, administratively prohibited",
        ],
        code: 4,
    };
    rejected.assert(&path, &SCHEMES, SERVER);
    for scheme in SCHEMES {
        for (endpoint, _) in endpoints_of(scheme, SERVER) {
            for (behaviour, code) in [("rejected", 0), ("refused", 4), ("silence", 4)] {
                let ended = path.run(&["ping", "--expect", behaviour, &endpoint]);
                assert_eq!(ended.code, code, "{endpoint} {behaviour}: {ended:?}");
            }
        }
    }
}

#[test]
fn a_port_unreachable_from_another_address_is_a_rejection() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    Path::firewall(&path.router, "forward", &PORT_UNREACHABLE);
    Expected {
        icmp: Some([(3, 3), (1, 4)]),
        outcome: "rejected",
        reporter: "router",
        sender: Some(ROUTER),
        words: [
            "rejected by 10.77.0.1: ICMP 3/3, port unreachable",
            "rejected by fd77::1: ICMPv6 1/4, port unreachable",
        ],
        code: 4,
    }
    .assert(&path, &SCHEMES, SERVER);
}

#[test]
fn a_router_without_a_route_makes_the_target_unreachable() {
    let Some(path) = Path::new() else { return };
    let nowhere = ["10.99.0.1", "fd99::1"];
    Expected {
        icmp: Some([(3, 0), (1, 0)]),
        outcome: "unreachable",
        reporter: "router",
        sender: Some(ROUTER),
        words: [
            "unreachable, reported by 10.77.0.1: ICMP 3/0, no route to the network",
            "unreachable, reported by fd77::1: ICMPv6 1/0, no route",
        ],
        code: 4,
    }
    .assert(&path, &SCHEMES, nowhere);
}

#[test]
fn a_neighbour_that_does_not_answer_is_called_so() {
    let Some(path) = Path::new() else { return };
    let nobody = ["10.77.0.99", "fd77::99"];
    Expected {
        icmp: Some([(3, 1), (1, 3)]),
        outcome: "unreachable",
        reporter: "ourselves",
        sender: Some(CLIENT),
        words: [
            "unreachable: no neighbour answers (ICMP 3/1, host unreachable)",
            "unreachable: no neighbour answers (ICMPv6 1/3, address unreachable)",
        ],
        code: 4,
    }
    .assert(&path, &SCHEMES, nobody);
}

#[test]
fn a_missing_neighbour_is_reported_to_probes_that_are_lost_by_then() {
    let Some(path) = Path::new() else { return };
    for scheme in SCHEMES {
        for (endpoint, _) in endpoints_of(scheme, ["10.77.0.99", "fd77::99"]) {
            let ended = path.run(&["ping", "-c", "6", &endpoint]);
            assert_eq!(ended.code, 4, "{ended:?}");
            let words = "lost: unreachable: no neighbour answers";
            assert!(ended.text().contains(words), "{ended:?}");
        }
    }
    // With the defaults a datagram is given up just after that.
    for (endpoint, _) in endpoints_of("udp", ["10.77.0.98", "fd77::98"]) {
        let ended = path.run(&["send", &endpoint, "hello"]);
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.stderr.contains("no neighbour"), "{ended:?}");
    }
}

#[test]
fn a_client_without_a_route_is_told_so() {
    let Some(path) = Path::new() else { return };
    Path::ip(&path.client, "route del default");
    Path::ip(&path.client, "-6 route del default");
    Expected {
        icmp: None,
        outcome: "unreachable",
        reporter: "ourselves",
        sender: None,
        words: ["unreachable: no route"; 2],
        code: 4,
    }
    .assert(&path, &SCHEMES, SERVER);
}

#[test]
fn what_our_own_firewall_blocks_was_not_sent() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    for rules in [PROHIBITED, PORT_UNREACHABLE] {
        Path::firewall(&path.client, "output", &rules);
        for scheme in SCHEMES {
            for (endpoint, _) in endpoints_of(scheme, SERVER) {
                assert_nothing_sent(&path, &endpoint);
            }
        }
    }
    // Over TCP a dropped segment is not reported to the program.
    Path::firewall(&path.client, "output", &["drop"]);
    for (endpoint, _) in endpoints_of("udp", SERVER) {
        assert_nothing_sent(&path, &endpoint);
    }
}

fn assert_nothing_sent(path: &Path, endpoint: &str) {
    let ended = path.run(&["send", endpoint, "hello"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    let words = "blocked by our own firewall";
    assert!(ended.stderr.contains(words), "{ended:?}");
    for behaviour in ["silence", "rejected"] {
        let arguments = ["ping", "-c", "1", "--expect", behaviour, endpoint];
        let ended = path.run(&arguments);
        assert_eq!(ended.code, 7, "{ended:?}");
        let words = format!("expected {behaviour}, found that nothing could be sent");
        assert!(ended.text().contains(&words), "{ended:?}");
        let ended = path.run(&[&arguments[..], &["--json"]].concat());
        assert_lines("ping", &ended.text());
        let summary = ended.summary();
        let found = json!([summary["behaviour"], summary["unsent"]]);
        assert_eq!(found, json!(["unsent", 1]), "{summary}");
    }
    let ended = path.run(&["bench", "-c", "10", endpoint]);
    assert_eq!(ended.code, 7, "{ended:?}");
}

#[test]
fn a_firewall_that_drops_is_silent_and_the_verdict_names_probes_and_time() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    Path::firewall(&path.router, "forward", &["drop"]);
    for scheme in SCHEMES {
        for (endpoint, _) in endpoints_of(scheme, SERVER) {
            let arguments = ["--timeout", "100ms", "--retries", "0", &endpoint, "hello"];
            let ended = path.run(&[&["send"], &arguments[..]].concat());
            assert_eq!(ended.code, 5, "{ended:?}");
        }
    }
    let (endpoint, _) = &endpoints_of("udp", SERVER)[0];
    let arguments = ["ping", "--expect", "silence", "-i", "1ms", "-W", "100ms"];
    let ended = path.run(&[&arguments[..], &[endpoint]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let words = "silence, as expected: 3 probes in 5.";
    assert!(ended.text().contains(words), "{ended:?}");
    assert_silent(&path, &SCHEMES);
    // Over TCP what our own firewall drops is not reported to the program.
    Path::firewall(&path.router, "forward", &[]);
    Path::firewall(&path.client, "output", &["drop"]);
    assert_silent(&path, &["tcp"]);
}

fn assert_silent(path: &Path, schemes: &[&str]) {
    for scheme in schemes {
        for (endpoint, _) in endpoints_of(scheme, SERVER) {
            let arguments = ["ping", "-c", "1", "-W", "100ms", &endpoint];
            for (behaviour, code, words) in [
                ("silence", 0, "silence, as expected: 1 probe in 0."),
                (
                    "refused",
                    5,
                    "expected refused, found silence: 1 probe in 0.",
                ),
            ] {
                let expects = ["--expect", behaviour];
                let ended = path.run(&[&arguments[..], &expects].concat());
                assert_eq!(ended.code, code, "{ended:?}");
                assert!(ended.text().contains(words), "{ended:?}");
            }
            let ended = path.run(&[&arguments[..], &["--json"]].concat());
            assert_lines("ping", &ended.text());
            let summary = ended.summary();
            let found = json!([ended.code, summary["behaviour"], summary["path_errors"]]);
            assert_eq!(found, json!([5, "silence", []]), "{summary}");
        }
    }
}

#[test]
fn a_message_too_big_for_the_path_is_sent_again_and_the_mtu_is_reported() {
    for family in 0..2 {
        let Some(path) = Path::new() else { return };
        let _served = path.serve();
        for host in [&path.router, &path.server] {
            Path::ip(host, "link set far mtu 1400");
        }
        let text = "x".repeat(1420);
        let (endpoint, _) = &endpoints_of("udp", SERVER)[family];
        let forget = if family == 0 { "-4" } else { "-6" };
        let forget = || Path::ip(&path.client, &format!("{forget} route flush cache"));

        let ended = path.run(&["send", "--json", "--timeout", "20s", endpoint, &text]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_lines("send", &ended.text());
        let answer = ended.text();
        let answer: Value = serde_json::from_str(answer.lines().next().unwrap()).unwrap();
        assert_eq!(answer["path_mtu"], 1400, "{answer}");
        assert_eq!(answer["tries"], 2, "{answer}");

        forget();
        let arguments = ["ping", "--json", "-c", "4", "-i", "200ms", "-W", "20s"];
        let ended = path.run(&[&arguments[..], &["-s", "1420", endpoint]].concat());
        assert_eq!(ended.code, 1, "{ended:?}");
        assert_lines("ping", &ended.text());
        let summary = ended.summary();
        let [ok, too_big] = ["ok", "too_big"].map(|name| summary[name].as_u64().unwrap());
        assert!(ok >= 2 && ok + too_big == 4, "{summary}");
        assert_eq!(summary["path_errors"][0]["mtu"], 1400, "{summary}");

        forget();
        let arguments = [
            "--size",
            "1420",
            "-c",
            "100",
            "--window",
            "1",
            "--no-offload",
        ];
        let ended = path.run(&[&["bench", "--json", endpoint], &arguments[..]].concat());
        assert_lines("bench", &ended.text());
        let summary = ended.summary();
        assert!(summary["too_big"].as_u64().unwrap() > 0, "{summary}");
        assert!(summary["ok"].as_u64().unwrap() > 90, "{summary}");

        // TCP cuts its segments by itself.
        forget();
        let (endpoint, _) = &endpoints_of("tcp", SERVER)[family];
        let ended = path.run(&["send", endpoint, &text]);
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

#[test]
fn a_report_is_about_one_attempt_and_the_next_may_be_answered() {
    let Some(path) = Path::new() else { return };
    let _served = path.serve();
    Path::firewall(
        &path.router,
        "forward",
        &["udp dport 3000 numgen inc mod 3 != 2 reject"],
    );
    let (endpoint, _) = &endpoints_of("udp", SERVER)[0];
    let ended = path.run(&["send", "--json", "--timeout", "20s", endpoint, "hello"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let answer: Value = serde_json::from_str(ended.text().lines().next().unwrap()).unwrap();
    let found = json!([answer["answer"], answer["tries"]]);
    assert_eq!(found, json!(["HELLO", 3]), "{answer}");
    let arguments = [
        "send",
        "--retries",
        "1",
        "--timeout",
        "20s",
        endpoint,
        "hello",
    ];
    let ended = path.run(&arguments);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.stderr.contains("rejected by 10.77.0.1"), "{ended:?}");
}
