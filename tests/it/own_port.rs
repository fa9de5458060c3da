//! A closed local port from which the kernel also takes source ports: the client must not connect
//! to itself.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::schemas::assert_lines;
use crate::support::{Running, Served, bullhorn, run, run_bullhorn, skipped};
use crate::support_netns::in_own_network;

const ENDPOINTS: [&str; 4] = [
    "udp://127.0.0.1:40000",
    "udp://[::1]:40000",
    "tcp://127.0.0.1:40000",
    "tcp://[::1]:40000",
];

/// Runs `test` in a network whose source ports are all in `range`.
fn with_source_ports(range: &str, test: impl FnOnce() + Send) {
    in_own_network(|| {
        if std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).is_err() {
            return skipped("the range of source ports cannot be set here");
        }
        test();
    });
}

#[test]
fn a_closed_port_is_refused_even_if_the_client_could_get_it_itself() {
    // With one port every attempt meets itself, with two one of them does.
    for range in ["40000 40000", "40000 40001"] {
        with_source_ports(range, || {
            for endpoint in ENDPOINTS {
                let sent = run_bullhorn(["send", endpoint, "a", "b", "c", "--keep-going"]);
                assert_eq!(sent.code, 4, "{endpoint}: {}", sent.stderr);
                assert!(sent.stderr.contains("refused"), "{}", sent.stderr);
                let arguments = ["-c", "6", "-i", "2ms", "-W", "20s", "--json"];
                let pinged = run(bullhorn().args(["ping", endpoint]).args(arguments), b"");
                assert_lines("ping", &pinged.text());
                let summary = pinged.summary();
                assert_eq!(pinged.code, 4, "{endpoint}: {summary}");
                assert_eq!(summary["refused"], 6, "{endpoint}: {summary}");
                assert_eq!(summary["wrong"], 0, "{endpoint}: {summary}");
                let bench = run_bullhorn(["bench", endpoint, "--flows", "2", "--count", "9"]);
                assert_eq!(bench.code, 4, "{endpoint}: {}", bench.stderr);
            }
        });
    }
}

#[test]
fn a_prober_does_not_keep_its_server_from_the_port() {
    with_source_ports("40000 40003", || {
        for endpoint in ENDPOINTS {
            let mut command = bullhorn();
            command.args(["ping", "--json", endpoint, "--flows", "3", "-i", "20ms"]);
            let mut prober = Running::start(command.stdout(Stdio::piped()));
            let lines = BufReader::new(prober.child.stdout.take().unwrap()).lines();
            let mut lines =
                lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            let mut refused = (&mut lines).filter(|line| line["reason"] == "refused");
            assert!(refused.nth(9).is_some());
            let served = Served::start(&[endpoint]);
            assert!(lines.any(|line| line["event"] == "answer"), "{endpoint}");
            drop(prober);
            drop(served);
        }
    });
}
