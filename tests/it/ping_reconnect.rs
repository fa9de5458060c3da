//! `ping --reconnect`: a connection for each probe, which finds what a kept one cannot.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::schemas::assert_lines;
use crate::support::{
    Ended, Running, Served, bullhorn, find_program, own, run, skipped, wait_until,
};
use crate::support_netns::in_own_network;

fn ping(endpoint: &str, arguments: &[&str]) -> Ended {
    let mut command = bullhorn();
    command.args(["ping", "--json", "--reconnect", endpoint]);
    command.env("BULLHORN_INTERVAL", "5ms");
    let ended = run(command.args(arguments), b"");
    if ended.code != 2 {
        assert_lines("ping", &ended.text());
    }
    ended
}

#[test]
fn each_probe_has_a_connection_and_two_times() {
    let served = Served::start(&[
        "tcp://127.0.0.1:0",
        "tcp://[::1]:0",
        own("unix:@bullhorn-test-reconnect").as_str(),
        own("unixpacket:@bullhorn-test-reconnect").as_str(),
    ]);
    for endpoint in &served.endpoints {
        let ended = ping(endpoint, &["-c", "50", "-W", "20s"]);
        let summary = ended.summary();
        assert_eq!((ended.code, &summary["ok"]), (0, &50.into()), "{summary}");
        for figures in ["connect", "rtt"] {
            assert!(summary[figures]["min_ns"].as_u64() > Some(0), "{summary}");
        }
        let lines = ended.text();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let answers: Vec<Value> = lines.filter(|line| line["event"] == "answer").collect();
        assert_eq!(answers.len(), 50);
        assert!(
            answers.iter().all(|line| line["connect_ns"].is_u64()),
            "{answers:?}"
        );
    }
    let mut command = bullhorn();
    command.args([
        "ping",
        "--reconnect",
        served.endpoint(),
        "-c",
        "2",
        "-i",
        "1ms",
    ]);
    let text = run(&mut command, b"").text();
    for words in [
        "each over a new connection",
        "seq=2 connect=",
        " time=",
        "\nconnect min/",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let totals = served.stop().summary;
    let accepted = totals["endpoints"].as_array().unwrap().iter();
    let accepted: Vec<&Value> = accepted.map(|endpoint| &endpoint["accepted"]).collect();
    assert_eq!(accepted, [52, 50, 50, 50], "{totals}");
}

#[test]
fn a_connection_that_ends_or_says_nothing_costs_its_own_probe_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    // The first is closed, the second never answered, the third answered late, the others at once.
    let server = std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (number, stream) in listener.incoming().take(6).enumerate() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            if number == 5 {
                // The late one comes before the last.
                let (stream, line): &mut (std::net::TcpStream, String) = &mut kept[1];
                stream.write_all(line.to_uppercase().as_bytes()).unwrap();
            }
            match number {
                0 => {}
                1 | 2 => kept.push((stream, line)),
                _ => stream.write_all(line.to_uppercase().as_bytes()).unwrap(),
            }
        }
    });
    let ended = ping(&endpoint, &["-c", "6", "-i", "100ms", "-W", "250ms"]);
    let summary = ended.summary();
    assert_eq!(ended.code, 1, "{summary}");
    for (name, count) in [
        ("ok", 3),
        ("lost", 3),
        ("late", 1),
        ("wrong", 0),
        ("stray", 0),
    ] {
        assert_eq!(summary[name], count, "{name}: {summary}");
    }
    let lines = ended.text();
    let lost: Vec<(Value, Value)> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["event"] == "lost")
        .map(|line| (line["number"].clone(), line["reason"].clone()))
        .collect();
    let expected = [(1, "closed"), (2, "timeout"), (3, "timeout")];
    assert_eq!(
        lost,
        expected.map(|(number, reason)| (number.into(), reason.into()))
    );
    server.join().unwrap();
}

#[test]
fn only_one_flow_of_a_stream_without_a_source_port_can_reconnect() {
    for arguments in [
        &["udp://127.0.0.1:9"][..],
        &["tcp://127.0.0.1:9", "--flows", "2"],
        &["tcp://127.0.0.1:9", "--source", "127.0.0.1:4000"],
    ] {
        let ended = ping(arguments[0], &arguments[1..]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains("--reconnect"), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
}

/// A prober that runs until it is dropped or signalled.
struct Prober {
    process: Running,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Prober {
    fn start(endpoint: &str, arguments: &[&str]) -> Self {
        let mut command = bullhorn();
        command
            .args(["ping", "--json", endpoint, "-i", "20ms"])
            .args(arguments);
        let mut process = Running::start(command.stdout(Stdio::piped()));
        let lines = BufReader::new(process.child.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line of this event.
    fn next(&mut self, event: &str) -> Value {
        let lines = &mut self.lines;
        let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        lines
            .find(|line| line["event"] == event)
            .expect("it has ended")
    }

    fn end(mut self) -> (Option<i32>, Value) {
        self.process.signal("INT");
        let summary = self.next("summary");
        (self.process.wait().code(), summary)
    }
}

fn nft(rules: &str) -> bool {
    let status = Command::new("nft").arg(rules).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_firewall_that_stops_new_connections_is_seen_by_new_connections_alone() {
    if find_program("nft").is_none() {
        return;
    }
    in_own_network(|| {
        for host in ["127.0.0.1", "[::1]"] {
            for (verdict, reason) in [
                ("reject with tcp reset", "refused"),
                ("drop", "not_connected"),
            ] {
                let served = Served::start(&[&format!("tcp://{host}:0")]);
                let mut kept = Prober::start(served.endpoint(), &["-W", "20s"]);
                let mut new = Prober::start(served.endpoint(), &["--reconnect", "-W", "200ms"]);
                kept.next("answer");
                new.next("answer");
                let port = served.port(0);
                let is_set = nft(&format!(
                    "add table inet test;
                     add chain inet test in {{ type filter hook input priority 0; }};
                     add rule inet test in tcp dport {port} tcp flags & (syn | ack) == syn {verdict}"
                ));
                if !is_set {
                    return skipped("nft has no rule for this kernel");
                }
                assert_eq!(new.next("lost")["reason"], reason, "{host}");
                assert_eq!(new.next("outage_begin")["lost"], 3);
                for _ in 0..10 {
                    kept.next("answer");
                }
                assert!(nft("flush ruleset"));
                assert!(new.next("outage_end")["length_ns"].as_u64() > Some(0));
                let (code, summary) = new.end();
                assert_eq!((code, &summary["wrong"]), (Some(1), &0.into()), "{summary}");
                let (code, summary) = kept.end();
                assert_eq!((code, &summary["lost"]), (Some(0), &0.into()), "{summary}");
            }
        }
    });
}

const HAPROXY: &str = "
defaults
    mode tcp
    timeout connect 20s
    timeout client 60s
    timeout server 60s
listen ipv4
    bind 127.0.0.1:4000
    server one 127.0.0.1:3000
listen ipv6
    bind [::1]:4000
    server one [::1]:3000
";

/// A load balancer on port 4000 with a backend on port 3000, IPv4 and IPv6.
fn balancer(directory: &Path) -> Option<Running> {
    let haproxy = find_program("haproxy")?;
    let configuration = directory.join("haproxy.cfg");
    std::fs::write(&configuration, HAPROXY).unwrap();
    let mut command = Command::new(haproxy);
    command.args(["-db", "-q", "-f"]).arg(configuration);
    let running = Running::start(command.stderr(Stdio::null()).stdout(Stdio::null()));
    wait_until("HAProxy listens", || {
        TcpStream::connect("[::1]:4000").is_ok()
    });
    Some(running)
}

/// A kept connection and new ones through the balancer, both answered.
fn through_balancer(host: &str) -> [Prober; 2] {
    let endpoint = format!("tcp://{host}:4000");
    let mut probers = [
        Prober::start(&endpoint, &["-W", "20s"]),
        Prober::start(&endpoint, &["-W", "20s", "--reconnect"]),
    ];
    for prober in &mut probers {
        prober.next("answer");
    }
    probers
}

#[test]
fn a_balancer_without_its_backend_takes_connections_and_closes_them() {
    in_own_network(|| {
        let directory = tempfile::tempdir().unwrap();
        let Some(_balancer) = balancer(directory.path()) else {
            return;
        };
        let backend = ["tcp://127.0.0.1:3000", "tcp://[::1]:3000"];
        for host in ["127.0.0.1", "[::1]"] {
            let served = Served::start(&backend);
            let mut probers = through_balancer(host);
            served.process.signal("KILL");
            for prober in &mut probers {
                assert_eq!(prober.next("lost")["reason"], "closed", "{host}");
                assert_eq!(prober.next("outage_begin")["lost"], 3, "{host}");
            }
            drop(served);
            let _served = Served::start(&backend);
            for mut prober in probers {
                prober.next("outage_end");
                let (code, summary) = prober.end();
                assert_eq!(code, Some(1), "{summary}");
                let counts = ["refused", "wrong"].map(|name| &summary[name]);
                assert_eq!(counts, [0, 0], "{summary}");
            }
        }
    });
}

#[test]
fn a_balancer_that_drains_refuses_new_connections_and_serves_kept_ones() {
    in_own_network(|| {
        let directory = tempfile::tempdir().unwrap();
        for host in ["127.0.0.1", "[::1]"] {
            let Some(mut balancer) = balancer(directory.path()) else {
                return;
            };
            let _served = Served::start(&["tcp://127.0.0.1:3000", "tcp://[::1]:3000"]);
            let [mut kept, mut new] = through_balancer(host);
            // Stops listening, and ends after its last connection.
            balancer.signal("USR1");
            assert_eq!(new.next("lost")["reason"], "refused", "{host}");
            assert_eq!(new.next("outage_begin")["lost"], 3, "{host}");
            for _ in 0..10 {
                kept.next("answer");
            }
            let (code, summary) = new.end();
            assert_eq!((code, &summary["wrong"]), (Some(1), &0.into()), "{summary}");
            let (code, summary) = kept.end();
            assert_eq!((code, &summary["lost"]), (Some(0), &0.into()), "{summary}");
            assert!(balancer.wait().success());
        }
    });
}
