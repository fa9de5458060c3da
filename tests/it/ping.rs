//! `ping`: what it reports about endpoints that answer, refuse, are silent or answer wrongly.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Ended, Running, Served, TEST_TIMEOUT, bullhorn, capitals, closed_port, find_program, own,
    program, run,
};

/// A UDP server made of a closure: from a request, its sender and its number to the answers.
struct Peer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    fn start(
        mut answers: impl FnMut(&[u8], SocketAddr, u64) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let stopped = stopping.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 70_000];
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                number += 1;
                for answer in answers(&buffer[..length], peer, number) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        Self {
            address,
            stopping,
            thread: Some(thread),
        }
    }

    fn endpoint(&self) -> String {
        format!("udp://{}", self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn ping(endpoint: &str, arguments: &[&str]) -> Ended {
    let ended = run(bullhorn().args(["ping", endpoint]).args(arguments), b"");
    assert!(
        ended.code != 2 || ended.stdout.is_empty(),
        "{}",
        ended.stderr
    );
    ended
}

/// JSON output, and probes at short intervals.
fn ping_json(endpoint: &str, arguments: &[&str]) -> (i32, Value, Vec<Value>) {
    let mut command = bullhorn();
    command.args(["ping", "--json", endpoint]).args(arguments);
    command.env("BULLHORN_INTERVAL", "2ms");
    let ended = run(&mut command, b"");
    assert_eq!(ended.stderr, "");
    crate::schemas::assert_lines("ping", &ended.text());
    let text = ended.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (ended.code, ended.summary(), lines.collect())
}

fn assert_all_ok(summary: &Value, sent: u64) {
    for (name, count) in [
        ("sent", sent),
        ("ok", sent),
        ("corrupt", 0),
        ("lost", 0),
        ("pending", 0),
        ("duplicate", 0),
        ("stray", 0),
    ] {
        assert_eq!(summary[name], count, "{name}: {summary}");
    }
}

#[test]
fn every_type_of_socket_is_probed() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "udp://[::1]:0",
        "tcp://127.0.0.1:0",
        "tcp://[::1]:0",
        own("unix:@bullhorn-test-ping-stream").as_str(),
        own("unixpacket:@bullhorn-test-ping-packet").as_str(),
        own("unixgram:@bullhorn-test-ping-datagram").as_str(),
    ]);
    for endpoint in &served.endpoints {
        let (code, summary, _) = ping_json(endpoint, &["-c", "50", "-W", "20s", "--flows", "3"]);
        assert_eq!(code, 0, "{summary}");
        assert_all_ok(&summary, 50);
        assert_eq!(summary["flows"][2]["sent"], 16);
        let rtt = &summary["rtt"];
        assert!(rtt["min_ns"].as_u64() > Some(0));
        assert!(rtt["p50_ns"].as_u64() <= rtt["p90_ns"].as_u64());
        assert!(summary["jitter_ns"].is_u64());
    }
}

#[test]
fn texts_of_every_size_and_script_are_answered() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("text");
    std::fs::write(&file, "straße, привет,\nκαλημέρα, ﬁn\n").unwrap();
    let file = file.to_str().unwrap();
    for endpoint in &served.endpoints {
        for size in ["27", "28", "100", "1472", "9000"] {
            for text in [&[][..], &["--text", file]] {
                let arguments = [&["-c", "5", "-W", "20s", "-s", size], text].concat();
                let (code, summary, lines) = ping_json(endpoint, &arguments);
                assert_eq!(code, 0, "{summary}");
                assert_all_ok(&summary, 5);
                assert_eq!(lines[0]["text_bytes"].to_string(), size);
            }
        }
    }
    let (code, summary, _) = ping_json(served.endpoint(), &["-c", "3", "-W", "20s", "-s", "65507"]);
    assert_eq!(code, 0, "{summary}");
    for size in ["26", "65508"] {
        let ended = ping(served.endpoint(), &["-c", "1", "-s", size]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
    }
    assert_eq!(
        ping(served.endpoint(), &["--text", "/no/such/file"]).code,
        7
    );
}

#[test]
fn ten_lines_of_python_can_be_probed_too() {
    const SERVER: &str = "\
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
while True:
    text, client = server.recvfrom(65535)
    server.sendto(text.decode().upper().encode(), client)
";
    let Some(python) = find_program("python3") else {
        return;
    };
    let mut server = Running::start(
        Command::new(python)
            .args(["-c", SERVER])
            .stdout(Stdio::piped()),
    );
    let mut port = String::new();
    BufReader::new(server.child.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    let endpoint = format!("udp://127.0.0.1:{}", port.trim());
    let (code, summary, _) = ping_json(&endpoint, &["-c", "100", "-W", "20s"]);
    assert_eq!(code, 0, "{summary}");
    assert_all_ok(&summary, 100);
}

#[test]
fn an_echo_is_diagnosed_over_datagrams_and_streams() {
    let echo = Peer::start(|text, _, _| vec![text.to_vec()]);
    let ended = ping(&echo.endpoint(), &["-c", "3", "-i", "1ms"]);
    assert_eq!(ended.code, 3);
    assert!(
        ended
            .text()
            .contains("an echo or a reflected packet answered"),
        "{}",
        ended.text()
    );
    let (code, summary, lines) = ping_json(&echo.endpoint(), &["-c", "20"]);
    assert_eq!((code, &summary["corrupt"]), (3, &20.into()));
    assert_eq!(lines[1]["problem"], "unchanged");
    assert_eq!(ping(&echo.endpoint(), &["--expect", "answer"]).code, 3);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream.try_clone().unwrap(), &mut stream)
    });
    let (code, summary, lines) = ping_json(&endpoint, &["-c", "20", "-W", "20s"]);
    assert_eq!((code, &summary["corrupt"]), (3, &20.into()), "{summary}");
    assert_eq!(lines[1]["problem"], "unchanged");
    echo.join().unwrap().unwrap();
}

#[test]
fn a_socat_that_echoes_is_diagnosed() {
    let Some(socat) = find_program("socat") else {
        return;
    };
    let host = "127.99.98.96";
    let free = UdpSocket::bind((host, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let _socat = Running::start(
        Command::new(socat)
            .arg(format!("UDP4-RECVFROM:{port},bind={host},fork"))
            .arg("EXEC:cat"),
    );
    let endpoint = format!("udp://{host}:{port}");
    // Refused until it has bound its port.
    let found = (0..100).find_map(|_| {
        let ended = ping(&endpoint, &["-c", "1", "-W", "20s"]);
        (ended.code != 4).then_some(ended)
    });
    let ended = found.expect("socat does not serve");
    assert_eq!(ended.code, 3, "{}", ended.text());
    assert!(
        ended
            .text()
            .contains("an echo or a reflected packet answered"),
        "{}",
        ended.text()
    );
}

#[test]
fn each_kind_of_wrong_answer_is_diagnosed() {
    type Lie = fn(&[u8]) -> Vec<u8>;
    let lies: [(Lie, &str, &str); 4] = [
        (|text| capitals(&text[..40]), "truncated", "40 of 64 bytes"),
        (
            |text| [capitals(text), b"!!".to_vec()].concat(),
            "too_long",
            "2 bytes",
        ),
        (
            |text| {
                let mut answer = capitals(text);
                answer[50] = b'?';
                answer
            },
            "differs",
            "byte 51 is 0x3f",
        ),
        (|_| b"!ERROR".to_vec(), "differs", "byte 1 is 0x21"),
    ];
    for (lie, name, words) in lies {
        let peer = Peer::start(move |text, _, _| vec![lie(text)]);
        let (code, summary, lines) = ping_json(&peer.endpoint(), &["-c", "3"]);
        assert_eq!(
            (code, &summary["corrupt"]),
            (3, &3.into()),
            "{name}: {summary}"
        );
        let wrong = lines
            .iter()
            .find(|line| line["event"] == "wrong_answer")
            .unwrap();
        assert_eq!(wrong["problem"], name, "{wrong}");
        assert!(
            wrong["diagnosis"].as_str().unwrap().contains(words),
            "{wrong}"
        );
    }
}

#[test]
fn the_answer_to_another_flows_probe_is_diagnosed() {
    let mut last = Vec::new();
    let peer = Peer::start(move |text, _, number| {
        let earlier = std::mem::replace(&mut last, capitals(text));
        // Every second request comes from the second source port, and gets the first one's answer.
        if number % 2 == 0 {
            vec![earlier]
        } else {
            vec![last.clone()]
        }
    });
    let (code, summary, lines) =
        ping_json(&peer.endpoint(), &["-c", "2", "--flows", "2", "-W", "20s"]);
    assert_eq!(
        (code, &summary["ok"], &summary["corrupt"]),
        (3, &1.into(), &1.into()),
        "{summary}"
    );
    let wrong = lines
        .iter()
        .find(|line| line["event"] == "wrong_answer")
        .unwrap();
    assert_eq!(
        (&wrong["problem"], &wrong["number"]),
        (&"another_probe".into(), &2.into())
    );
    assert!(
        wrong["diagnosis"].as_str().unwrap().contains("probe 1"),
        "{wrong}"
    );
}

#[test]
fn a_reflected_packet_beside_the_right_answer_is_a_wrong_answer() {
    let peer = Peer::start(|text, _, _| vec![capitals(text), text.to_vec()]);
    let (code, summary, _) = ping_json(&peer.endpoint(), &["-c", "1", "--linger", "300ms"]);
    let counts = ["ok", "corrupt", "duplicate", "wrong"].map(|name| &summary[name]);
    assert_eq!(
        (code, counts.map(Value::to_string)),
        (3, ["1", "0", "1", "1"].map(String::from))
    );
}

#[test]
fn an_answer_that_matches_no_probe_is_stray() {
    let peer = Peer::start(|text, _, _| vec![capitals(text), b"HELLO".to_vec()]);
    let (code, summary, _) = ping_json(&peer.endpoint(), &["-c", "1", "--linger", "300ms"]);
    assert_eq!(
        (code, &summary["ok"], &summary["stray"]),
        (0, &1.into(), &1.into()),
        "{summary}"
    );
}

#[test]
fn a_closed_port_is_refused_with_exit_code_4() {
    for scheme in ["udp", "tcp"] {
        let endpoint = format!("{scheme}://{}", closed_port());
        let ended = ping(&endpoint, &["-c", "3", "-i", "10ms", "-W", "20s"]);
        assert_eq!(ended.code, 4, "{}", ended.text());
        assert!(ended.text().contains("refused"));
        let (code, summary, _) = ping_json(&endpoint, &["-c", "3", "-W", "20s"]);
        assert_eq!((code, &summary["refused"]), (4, &3.into()), "{summary}");
    }
    for scheme in ["unixgram", "unixpacket"] {
        let unserved = ping(
            own(&format!("{scheme}:@bullhorn-test-ping-unserved")).as_str(),
            &["-c", "2", "-i", "1ms"],
        );
        assert_eq!(unserved.code, 4, "{}", unserved.text());
    }
}

/// A server that restarts reads nothing for a while, and then everything that waits.
#[test]
fn a_full_queue_costs_only_the_probes_that_find_no_room_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("full");
    let server = UnixDatagram::bind(&path).unwrap();
    server.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let endpoint = format!("unixgram:{}", path.display());
    let mut command = bullhorn();
    command.args(["ping", "--json", &endpoint, "-i", "1ms", "-c", "1000"]);
    command.args(["-W", "1s", "--linger", "2s"]);
    let mut process = Running::start(command.stdout(Stdio::piped()));
    let lines = BufReader::new(process.child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert!(lines.any(|line| line["reason"] == "unsent"));
    let answering = std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        loop {
            let (length, peer) = server.recv_from(&mut buffer).unwrap();
            if length == 0 {
                break;
            }
            let answer = buffer[..length].to_ascii_uppercase();
            server.send_to_addr(&answer, &peer).unwrap();
        }
    });
    let summary = lines.find(|line| line["event"] == "summary").unwrap();
    let end = UnixDatagram::unbound().unwrap();
    end.send_to(b"", &path).unwrap();
    answering.join().unwrap();
    process.wait();
    let [sent, ok, lost, unsent, late] =
        ["sent", "ok", "lost", "unsent", "late"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(sent, ok + lost, "{summary}");
    assert!(ok > 0, "{summary}");
    // Those that were in the queue meanwhile have their answers late.
    assert_eq!(lost, unsent + late, "{summary}");
}

#[test]
fn silence_is_no_answer_with_exit_code_5() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let (code, summary, _) = ping_json(&endpoint, &["-c", "5", "-W", "50ms"]);
    assert_eq!((code, &summary["lost"]), (5, &5.into()), "{summary}");
    assert_eq!(summary["rtt"], Value::Null);
    assert_eq!(summary["jitter_ns"], Value::Null);
    // An accepted connection without an answer is silence too.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    assert_eq!(
        ping(&endpoint, &["-c", "2", "-i", "1ms", "-W", "50ms"]).code,
        5
    );
}

#[test]
fn expectations_that_are_met_exit_0_and_others_do_not() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let closed = format!("udp://{}", closed_port());
    let never_read = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = format!("udp://{}", never_read.local_addr().unwrap());
    for (endpoint, expected, code) in [
        (served.endpoint(), "answer", 0),
        (served.endpoint(), "refused", 1),
        (served.endpoint(), "silence", 1),
        (closed.as_str(), "answer", 4),
        (closed.as_str(), "refused", 0),
        (closed.as_str(), "silence", 4),
        (silent.as_str(), "answer", 5),
        (silent.as_str(), "refused", 5),
        (silent.as_str(), "silence", 0),
    ] {
        let timeout = if endpoint == silent { "50ms" } else { "20s" };
        let arguments = ["--expect", expected, "-i", "1ms", "-W", timeout];
        let ended = ping(endpoint, &arguments);
        assert_eq!(ended.code, code, "{endpoint} {expected}: {}", ended.text());
    }
    let (_, summary, _) = ping_json(&silent, &["--expect", "silence", "-W", "50ms"]);
    assert_eq!(
        summary["sent"], 3,
        "a silence is concluded from more than one probe"
    );
    // An interval in which the answer certainly arrives.
    let unhurried = ["--expect", "answer", "-i", "20s"];
    let (_, summary, _) = ping_json(served.endpoint(), &unhurried);
    assert_eq!(summary["sent"], 1, "one answer is enough");
}

#[test]
fn partial_loss_is_exit_code_1() {
    let peer = Peer::start(|text, _, number| match number {
        2 => Vec::new(),
        _ => vec![capitals(text)],
    });
    let (code, summary, lines) = ping_json(&peer.endpoint(), &["-c", "4", "-W", "2s"]);
    assert_eq!(
        (code, &summary["ok"], &summary["lost"]),
        (1, &3.into(), &1.into()),
        "{summary}"
    );
    let lost = lines.iter().find(|line| line["event"] == "lost").unwrap();
    assert_eq!(
        (&lost["number"], &lost["reason"]),
        (&2.into(), &"timeout".into())
    );
}

#[test]
fn one_bad_leg_of_a_balanced_path_is_found() {
    let mut bad = None;
    let peer = Peer::start(move |text, client, number| {
        if number == 2 {
            bad = Some(client);
        }
        if bad == Some(client) {
            Vec::new()
        } else {
            vec![capitals(text)]
        }
    });
    let (code, summary, _) = ping_json(&peer.endpoint(), &["-c", "40", "--flows", "4", "-W", "2s"]);
    assert_eq!(code, 1, "{summary}");
    let lost: Vec<_> = (0..4)
        .map(|flow| summary["flows"][flow]["lost"].clone())
        .collect();
    assert_eq!(lost, [0, 10, 0, 0], "{summary}");
    assert_eq!(summary["outages"], 1);
    assert_eq!(summary["outage_list"][0]["flow"], 2);
    let outage = &summary["outage_list"][0];
    assert_eq!(outage["end_ns"], Value::Null);
    // It lasts, and so its length is what it is so far.
    let start = outage["start_ns"].as_u64().unwrap();
    let so_far = summary["elapsed_ns"].as_u64().unwrap() - start;
    assert_eq!(outage["length_ns"], so_far, "{summary}");
    assert_eq!(summary["outage_longest_ns"], so_far, "{summary}");
    assert_eq!(summary["outage_total_ns"], so_far, "{summary}");
}

#[test]
fn an_outage_that_lasts_is_listed_with_its_length_so_far() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let arguments = ["-c", "4", "-i", "100ms", "-W", "1s"];
    let text = ping(&endpoint, &arguments).text();
    assert!(text.contains("\n1 outage, longest 1."), "{text}");
    let (_, listed) = text.split_once("since 0.0 s, ongoing (1.").unwrap();
    assert!(listed.contains(" s so far), 4 lost from seq=1"), "{text}");
}

#[test]
fn a_percentile_needs_enough_answers_for_one_above_it() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let known = |count: &str| {
        let (_, summary, _) = ping_json(served.endpoint(), &["-c", count, "-W", "20s"]);
        let percentiles = ["p50_ns", "p90_ns", "p99_ns", "p99_9_ns"];
        ["rtt", "send_lag"].map(|figures| {
            let figures = &summary[figures];
            assert!(figures["min_ns"].is_u64() && figures["max_ns"].is_u64());
            percentiles.map(|name| figures[name].is_u64())
        })
    };
    for (count, expected) in [
        ("1", [false; 4]),
        ("2", [true, false, false, false]),
        ("99", [true, true, false, false]),
        ("100", [true, true, true, false]),
        ("1000", [true; 4]),
    ] {
        assert_eq!(known(count), [expected; 2], "{count}");
    }
    let text = ping(served.endpoint(), &["-c", "5", "-i", "1ms", "-W", "20s"]).text();
    assert!(text.contains("round trip min/p50/max = "), "{text}");
    assert!(text.contains("send lag p50/max = "), "{text}");
}

#[test]
fn a_wrong_answer_is_shown_bounded_and_made_visible() {
    let peer = Peer::start(|_, _, _| vec![b"\x1b[31mSSH-2.0-OpenSSH_9.2\r\n".repeat(50)]);
    let ended = ping(&peer.endpoint(), &["-c", "1", "-W", "20s"]);
    let shown = "received \"\\u{1b}[31mSSH-2.0-OpenSSH_9.2\\r\\n";
    assert!(ended.text().contains(shown), "{}", ended.text());
    assert!(ended.text().lines().all(|line| line.len() < 300));
    let (_, _, lines) = ping_json(&peer.endpoint(), &["-c", "1", "-W", "20s"]);
    let wrong = lines.iter().find(|line| line["event"] == "wrong_answer");
    let excerpt = wrong.unwrap()["excerpt"].as_str().unwrap();
    assert!(excerpt.starts_with("\"\\u{1b}[31mSSH"), "{excerpt}");
    assert!(excerpt.len() < 150, "{excerpt}");
}

#[test]
fn an_outage_is_listed_with_its_start_end_and_number() {
    let peer = Peer::start(|text, _, number| match number {
        4..=9 => Vec::new(),
        _ => vec![capitals(text)],
    });
    let (code, summary, lines) = ping_json(&peer.endpoint(), &["-c", "12", "-W", "2s"]);
    assert_eq!((code, &summary["lost"]), (1, &6.into()), "{summary}");
    let outage = &summary["outage_list"][0];
    assert_eq!(
        (&outage["first_number"], &outage["lost"]),
        (&4.into(), &6.into()),
        "{summary}"
    );
    let [start, end, length] =
        ["start_ns", "end_ns", "length_ns"].map(|name| outage[name].as_u64().unwrap());
    // The fourth and the tenth probe: on a busy machine they are late, but never early.
    assert!(start >= 3 * 2_000_000 && end >= 9 * 2_000_000, "{outage}");
    assert_eq!(end - start, length);
    for event in ["outage_begin", "outage_end"] {
        assert!(lines.iter().any(|line| line["event"] == event), "{event}");
    }
}

/// Answers the first source port three times, and any other always: as behind a NAT that forgot
/// the first.
fn stale_after_three() -> impl FnMut(&[u8], SocketAddr, u64) -> Vec<Vec<u8>> {
    let mut first = None;
    move |text, client, number| {
        let first = *first.get_or_insert(client);
        if client == first && number > 3 {
            Vec::new()
        } else {
            vec![capitals(text)]
        }
    }
}

#[test]
fn stale_flow_state_is_distinguished_from_an_outage() {
    let peer = Peer::start(stale_after_three());
    let arguments = ["-c", "60", "-W", "200ms", "-i", "10ms"];
    let ended = ping(&peer.endpoint(), &arguments);
    let diagnosis = "stale flow state on the path (NAT or conntrack) likely";
    assert_eq!(
        ended.text().matches(diagnosis).count(),
        1,
        "{}",
        ended.text()
    );
    let counts = "new source ports: 8 tried, 8 answered";
    assert!(ended.text().contains(counts), "{}", ended.text());

    let fresh = Peer::start(stale_after_three());
    let (_, summary, lines) = ping_json(&fresh.endpoint(), &["-c", "200", "-W", "100ms"]);
    assert!(
        lines.iter().any(|line| line["event"] == "stale_flow"),
        "{summary}"
    );

    let dead = Peer::start(|text, _, number| match number {
        1..=3 => vec![capitals(text)],
        _ => Vec::new(),
    });
    let ended = ping(&dead.endpoint(), &arguments);
    assert!(!ended.text().contains("stale"), "{}", ended.text());
    assert!(ended.text().contains("0 answered"), "{}", ended.text());
}

/// Starts `ping`, waits for `lines` lines, sends the signal, and reads the rest.
fn signalled(arguments: &[&str], lines: usize, signals: &[&str]) -> (i32, String) {
    let mut command = bullhorn();
    command.args(["ping", "-i", "5ms"]).args(arguments);
    let mut process = Running::start(command.stdout(Stdio::piped()));
    let mut output = BufReader::new(process.child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..lines {
        output.read_line(&mut text).unwrap();
    }
    for signal in signals {
        process.signal(signal);
        if *signal == "QUIT" {
            while !text.contains("local: ") && !text.contains("\"interim\"") {
                assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
            }
            for _ in 0..lines {
                assert!(output.read_line(&mut text).unwrap() > 0, "it ended: {text}");
            }
        }
    }
    std::io::Read::read_to_string(&mut output, &mut text).unwrap();
    (process.wait().code().unwrap(), text)
}

#[test]
fn an_interrupt_ends_with_a_summary_and_sigquit_continues() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let (code, text) = signalled(&[served.endpoint(), "-W", "20s"], 4, &["QUIT", "INT"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(text.matches("sent = ").count(), 2, "{text}");
    let json = [served.endpoint(), "-W", "20s", "--json"];
    let (code, text) = signalled(&json, 4, &["QUIT", "INT"]);
    assert_eq!(code, 0, "{text}");
    let events = crate::schemas::assert_lines("ping", &text);
    assert_eq!(events.iter().filter(|event| *event == "interim").count(), 1);
    let (code, text) = signalled(&[served.endpoint(), "-W", "20s"], 4, &["TERM"]);
    assert_eq!((code, text.matches("sent = ").count()), (0, 1), "{text}");
}

#[test]
fn signals_work_when_everything_is_lost() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let (code, text) = signalled(&[&endpoint, "-W", "10ms"], 4, &["QUIT", "INT"]);
    assert_eq!(code, 5, "{text}");
    assert_eq!(text.matches("0 ok + 0 corrupt").count(), 2, "{text}");
}

#[test]
fn an_interrupt_before_the_first_answer_leaves_the_probes_pending() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent
        .set_read_timeout(Some(crate::support::TEST_TIMEOUT))
        .unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let mut command = bullhorn();
    command.args(["ping", &endpoint, "-W", "1h"]);
    let mut process = Running::start(command.stdout(Stdio::piped()));
    // So one was sent.
    silent.recv(&mut [0; 128]).unwrap();
    process.signal("INT");
    let mut text = String::new();
    let mut output = process.child.stdout.take().unwrap();
    std::io::Read::read_to_string(&mut output, &mut text).unwrap();
    assert_eq!(process.wait().code(), Some(5), "{text}");
    assert!(
        text.contains("0 lost + ") && !text.contains("+ 0 pending"),
        "{text}"
    );
}

#[test]
fn the_deadline_ends_the_run_and_leaves_the_rest_pending() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let (code, summary, _) = ping_json(&endpoint, &["-w", "100ms", "-W", "1h"]);
    assert_eq!(code, 5);
    assert_eq!(
        (&summary["lost"], &summary["pending"]),
        (&0.into(), &summary["sent"])
    );
    // The deadline counts from the start of the program, and this from the first probe.
    assert!(summary["elapsed_ns"].as_u64() >= Some(50_000_000));
}

#[test]
fn a_name_is_resolved_and_an_address_that_answers_is_used() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for (index, scheme) in ["udp", "tcp"].iter().enumerate() {
        let endpoint = format!("{scheme}://localhost:{}", served.port(index));
        let (code, summary, lines) = ping_json(&endpoint, &["-c", "5"]);
        assert_eq!(code, 0, "{summary}");
        assert_all_ok(&summary, 5);
        assert_eq!(lines[0]["endpoint"], served.endpoints[index]);
    }
    assert_eq!(ping("udp://no-such-name.invalid:1", &["-c", "1"]).code, 6);
    assert_eq!(ping("udp://:3000", &["-c", "1"]).code, 2);
}

#[test]
fn a_server_that_comes_back_answers_again() {
    for scheme in ["udp", "tcp"] {
        let first = Served::start(&[&format!("{scheme}://127.0.0.1:0")]);
        let endpoint = first.endpoint().to_owned();
        let mut command = bullhorn();
        command.args(["ping", &endpoint, "-i", "5ms", "-W", "5s"]);
        let mut process = Running::start(command.stdout(Stdio::piped()));
        let mut output = BufReader::new(process.child.stdout.take().unwrap()).lines();
        let mut wait_for = |words: &str| {
            let found = output.by_ref().any(|line| line.unwrap().contains(words));
            assert!(found, "timed out waiting for {words}");
        };
        wait_for("seq=3 time=");
        assert_eq!(first.stop().code, Some(0));
        wait_for("lost: ");
        let second = Served::start(&[&endpoint]);
        wait_for(" time=");
        process.signal("INT");
        wait_for("sent = ");
        assert_eq!(process.wait().code(), Some(1), "{scheme}");
        drop(second);
    }
}

#[test]
fn flags_can_be_set_by_the_environment_and_bare_numbers_are_seconds() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let mut command = bullhorn();
    command
        .arg("ping")
        .env("BULLHORN_ENDPOINT", served.endpoint())
        .env("BULLHORN_COUNT", "2")
        .env("BULLHORN_INTERVAL", "0.001")
        .env("BULLHORN_JSON", "1");
    let ended = run(&mut command, b"");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.summary()["sent"], 2);
    let begin: Value = serde_json::from_str(ended.text().lines().next().unwrap()).unwrap();
    assert_eq!(begin["interval_ns"], 1_000_000);
}

#[test]
fn a_closed_pipe_changes_neither_the_run_nor_its_exit_code() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let dead = format!("udp://{}", closed_port());
    for (endpoint, code) in [(served.endpoint(), 0), (dead.as_str(), 4)] {
        let script = format!(
            "{{ '{}' ping {endpoint} -i 1ms -c 50; echo code $? >&2; }} | head -n 2",
            program().display(),
        );
        let ended = run(Command::new("sh").args(["-c", &script]), b"");
        assert_eq!(
            (ended.text().lines().count(), ended.stderr),
            (2, format!("code {code}\n"))
        );
    }
    assert_eq!(served.stop().summary["received"], 50);
}

#[test]
fn a_terminal_gets_a_live_line_and_a_pipe_none() {
    let Some(script) = find_program("script") else {
        return;
    };
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let command = format!(
        "'{}' ping {} -c 5 -i 1ms",
        program().display(),
        served.endpoint()
    );
    let ended = run(
        Command::new(script).args(["-qec", &command, "/dev/null"]),
        b"",
    );
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert!(ended.text().contains("\r\x1b[K"), "{:?}", ended.text());
    assert!(!ended.text().contains("seq="), "{:?}", ended.text());
    let ended = ping(served.endpoint(), &["-c", "5", "-i", "1ms"]);
    assert!(!ended.text().contains('\x1b') && ended.text().contains("seq=5"));
}

#[test]
fn a_peer_that_closes_each_connection_is_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(3) {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap())
                .read_line(&mut line)
                .unwrap();
            stream.write_all(line.to_uppercase().as_bytes()).unwrap();
        }
    });
    let (code, summary, _) = ping_json(&endpoint, &["-c", "3", "-i", "100ms", "-W", "20s"]);
    assert_eq!(code, 0, "{summary}");
    assert_all_ok(&summary, 3);
    server.join().unwrap();
}
