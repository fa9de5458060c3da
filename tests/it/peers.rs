//! `serve --peers`: whether a request arrived, and what became of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram, UnixStream};
use std::process::Stdio;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::metrics::{Watched, abstract_address};
use crate::schemas::assert_lines;
use crate::support::{Running, Served, TEST_TIMEOUT, bullhorn, own, run_bullhorn, wait_until};

/// What `/api/peers` says of endpoint `index`.
fn of_endpoint(watched: &Watched, index: usize) -> Value {
    let answer = watched.get("/api/peers");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.head.contains("content-type: application/json"),
        "{answer:?}"
    );
    let peers: Value = serde_json::from_str(&answer.body).expect("no JSON");
    let summary = json!({"schema": "bullhorn.serve/1", "event": "summary", "received": 0,
        "answered": 0, "dropped": 0, "kernel_dropped": 0, "log_lines_dropped": 0, "endpoints": []});
    assert_lines("serve", &format!("{peers}\n{summary}"));
    let of_endpoint = peers["endpoints"][index].clone();
    assert_eq!(of_endpoint["endpoint"], watched.served.endpoints[index]);
    of_endpoint
}

/// The row of a peer of endpoint `index`; `null` for one that is not listed.
fn row(watched: &Watched, index: usize, peer: &str) -> Value {
    let of_endpoint = of_endpoint(watched, index);
    let rows = of_endpoint["peers"].as_array().expect("no peers").iter();
    let mut found = rows.filter(|row| row["peer"] == peer);
    let row = found.next().cloned().unwrap_or_default();
    assert_eq!(found.count(), 0, "{peer} twice in {of_endpoint}");
    row
}

fn wait_for(watched: &Watched, index: usize, peer: &str, expected: &Value) {
    let expected = expected.as_object().unwrap();
    let mut last = Value::Null;
    wait_until(&format!("{peer}: {expected:?}"), || {
        last = row(watched, index, peer);
        expected.iter().all(|(key, value)| last[key] == *value)
    });
}

/// A UDP client on this address.
fn udp(local: &str, watched: &Watched, index: usize) -> UdpSocket {
    let client = UdpSocket::bind(local).unwrap();
    let host = client.local_addr().unwrap().ip();
    let host = if host.is_ipv4() { "127.0.0.1" } else { "::1" };
    client.connect((host, watched.served.port(index))).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client
}

fn ask(client: &UdpSocket, text: &str) {
    client.send(text.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let length = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], text.to_uppercase().as_bytes());
}

fn tcp(local: &str, port: u16) -> TcpStream {
    let local: SocketAddr = local.parse().unwrap();
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, None).unwrap();
    socket.bind(&local.into()).unwrap();
    let to = SocketAddr::new(local.ip(), port);
    let to = if local.is_ipv4() {
        SocketAddr::from(([127, 0, 0, 1], port))
    } else {
        to
    };
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream
}

#[test]
fn each_address_is_listed_with_its_answered_and_dropped_datagrams() {
    let endpoints = ["udp://127.0.0.1:0", "udp://[::1]:0"];
    let deny = ["--peers", "10", "--deny", "127.0.0.9"];
    let watched = Watched::start(2, &[&endpoints[..], &deny].concat());
    // Two flows of one address, which two workers may receive.
    for port in 0..2 {
        for number in 0..5 {
            ask(
                &udp("127.0.0.1:0", &watched, 0),
                &format!("text {port} {number}"),
            );
        }
    }
    ask(&udp("127.0.0.2:0", &watched, 0), "from another");
    let denied = udp("127.0.0.9:0", &watched, 0);
    for number in 0..3 {
        denied.send(format!("denied {number}").as_bytes()).unwrap();
    }
    ask(&udp("[::1]:0", &watched, 1), "over IPv6");
    let long = udp("127.0.0.2:0", &watched, 0);
    // Its capitals have half as many bytes more.
    long.send("ŉ".repeat(32_000).as_bytes()).unwrap();

    let all_answered = |count| {
        json!({"type": "SOCK_DGRAM", "received": count, "answered": count, "dropped": 0,
        "dropped_by": {}})
    };
    wait_for(&watched, 0, "127.0.0.1", &all_answered(10));
    wait_for(
        &watched,
        0,
        "127.0.0.2",
        &json!({"received": 2, "answered": 1, "dropped": 1,
        "dropped_by": {"answer_too_large": 1}}),
    );
    wait_for(
        &watched,
        0,
        "127.0.0.9",
        &json!({"received": 3, "answered": 0, "dropped": 3,
        "dropped_by": {"source_denied": 3}}),
    );
    wait_for(&watched, 1, "::1", &all_answered(1));
    let of_endpoint = of_endpoint(&watched, 0);
    assert_eq!(of_endpoint["evicted"], 0);
    let rows = of_endpoint["peers"].as_array().unwrap();
    let ages: Vec<_> = rows
        .iter()
        .map(|row| row["last_seen_age_ns"].as_u64())
        .collect();
    assert!(ages.is_sorted() && ages.len() == 3, "{of_endpoint}");
}

#[test]
fn datagrams_that_the_bad_network_loses_are_dropped_for_their_peer() {
    let impair = [
        "udp://127.0.0.1:0",
        "--peers",
        "4",
        "--impair",
        "loss=50%,delay=1ms,duplicate=20%",
    ];
    let watched = Watched::start(1, &impair);
    let client = udp("127.0.0.3:0", &watched, 0);
    for number in 0..100 {
        client.send(format!("text {number}").as_bytes()).unwrap();
    }
    wait_for(&watched, 0, "127.0.0.3", &json!({"received": 100}));
    let row = row(&watched, 0, "127.0.0.3");
    let dropped = row["dropped_by"]["impaired"].clone();
    let stopped = watched.served.stop();
    assert_eq!(stopped.summary["dropped"], dropped, "{row}");
    assert_eq!(stopped.summary["answered"], row["answered"]);
}

#[test]
fn more_peers_than_there_is_room_for_are_counted_as_evicted() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0", "--workers", "1", "--peers", "2"]);
    for number in 1..=5 {
        ask(&udp(&format!("127.0.0.{number}:0"), &watched, 0), "a text");
    }
    wait_for(&watched, 0, "127.0.0.5", &json!({"received": 1}));
    let of_endpoint = of_endpoint(&watched, 0);
    assert_eq!(of_endpoint["evicted"], 3, "{of_endpoint}");
    let names: Vec<_> = of_endpoint["peers"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[0]["peer"], "127.0.0.5");
}

#[test]
fn connections_and_their_bytes_are_counted_for_their_peer_while_they_are_open() {
    let endpoints = ["tcp://127.0.0.1:0", "tcp://[::1]:0"];
    let limits = [
        "--peers",
        "10",
        "--deny",
        "127.0.0.9",
        "--max-connections",
        "2",
    ];
    let watched = Watched::start(2, &[&endpoints[..], &limits].concat());
    let mut open = tcp("127.0.0.2:0", watched.served.port(0));
    open.write_all("ŉame".as_bytes()).unwrap();
    let mut answer = [0; 6];
    open.read_exact(&mut answer).unwrap();
    wait_for(
        &watched,
        0,
        "127.0.0.2",
        &json!({"type": "SOCK_STREAM", "accepted": 1, "open": 1,
        "received_bytes": 5, "answered_bytes": 6, "unsent_bytes": 0, "dropped_by": {}}),
    );
    // A finished one, one that is denied, and one too many.
    let mut finished = tcp("[::1]:0", watched.served.port(1));
    finished.write_all(b"over IPv6").unwrap();
    finished.shutdown(Shutdown::Write).unwrap();
    finished.read_to_end(&mut Vec::new()).unwrap();
    wait_for(
        &watched,
        1,
        "::1",
        &json!({"accepted": 1, "finished": 1, "open": 0,
        "received_bytes": 9, "answered_bytes": 9}),
    );
    let _denied = tcp("127.0.0.9:0", watched.served.port(0));
    wait_for(
        &watched,
        0,
        "127.0.0.9",
        &json!({"accepted": 1, "dropped": 1, "open": 0,
        "dropped_by": {"source_denied": 1}, "received_bytes": 0}),
    );
    let _second = tcp("127.0.0.3:0", watched.served.port(0));
    wait_for(&watched, 0, "127.0.0.3", &json!({"accepted": 1, "open": 1}));
    let _third = tcp("127.0.0.3:0", watched.served.port(0));
    wait_for(
        &watched,
        0,
        "127.0.0.3",
        &json!({"accepted": 2, "dropped": 1, "open": 1,
        "dropped_by": {"too_many_connections": 1}}),
    );
    drop(open);
    wait_for(
        &watched,
        0,
        "127.0.0.2",
        &json!({"accepted": 1, "finished": 1, "open": 0}),
    );
}

#[test]
fn unix_peers_are_listed_by_name_and_those_without_one_together() {
    let (unixgram, unix, unixpacket) = (
        own("unixgram:@bullhorn-test-peers"),
        own("unix:@bullhorn-test-peers"),
        own("unixpacket:@bullhorn-test-peers"),
    );
    let watched = Watched::start(3, &[&unixgram, &unix, &unixpacket, "--peers", "10"]);
    assert_eq!(run_bullhorn(["send", &unixpacket, "text"]).code, 0);
    let to = abstract_address(&unixgram);
    let name = own("bullhorn-test-peer");
    let client = UnixDatagram::bind_addr(&net::SocketAddr::from_abstract_name(&name).unwrap());
    let client = client.unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.send_to_addr(b"a", &to).unwrap();
    client.recv(&mut [0; 9]).unwrap();
    for _ in 0..2 {
        let nameless = UnixDatagram::unbound().unwrap();
        nameless.send_to_addr(b"a", &to).unwrap();
        let mut stream = UnixStream::connect_addr(&abstract_address(&unix)).unwrap();
        stream.write_all(b"text").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    wait_for(
        &watched,
        0,
        &format!("unixgram:@{name}"),
        &json!({"received": 1, "answered": 1}),
    );
    wait_for(
        &watched,
        0,
        "unixgram:(no name)",
        &json!({"received": 2, "answered": 0,
        "dropped_by": {"no_return_address": 2}}),
    );
    wait_for(
        &watched,
        1,
        "unix:(no name)",
        &json!({"accepted": 2, "finished": 2, "open": 0,
        "received_bytes": 8, "answered_bytes": 8}),
    );
    wait_for(
        &watched,
        2,
        "unixpacket:(no name)",
        &json!({"type": "SOCK_SEQPACKET", "accepted": 1, "finished": 1, "open": 0,
        "received_bytes": 4, "answered_bytes": 4}),
    );
}

#[test]
fn without_the_flag_no_peers_are_listed() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    ask(&udp("127.0.0.1:0", &watched, 0), "a text");
    let answer = watched.get("/api/peers");
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("--peers"), "{answer:?}");
    let ended = run_bullhorn(["serve", "--peers", "10001"]);
    assert_eq!(ended.code, 2, "{ended:?}");
}

#[test]
fn the_totals_list_the_peers_only_with_v() {
    for (flags, listed) in [(&["-v"][..], true), (&[], false)] {
        let mut served = Served::start(&[&["udp://127.0.0.1:0", "--peers", "4"], flags].concat());
        let endpoint = served.endpoint().to_owned();
        assert_eq!(run_bullhorn(["send", &endpoint, "a", "b"]).code, 0);
        served.process.signal("TERM");
        if listed {
            let peers = served.read_line();
            assert_eq!(peers["event"], "peers", "{peers}");
            assert_eq!(peers["endpoints"][0]["peers"][0]["answered"], 2, "{peers}");
        }
        served.ended().assert_datagrams(2, 2, 0);
    }
}

#[test]
fn the_peers_are_lines_of_text_for_people() {
    let mut serve = bullhorn();
    serve.args([
        "serve",
        "-v",
        "udp://127.0.0.1:0",
        "tcp://127.0.0.1:0",
        "--peers",
        "4",
    ]);
    let mut serve = Running::start(serve.stderr(Stdio::piped()));
    let mut stderr = BufReader::new(serve.child.stderr.take().unwrap());
    let mut endpoints = Vec::new();
    while endpoints.len() < 2 {
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        if let Some(ready) = line.strip_prefix("ready: ") {
            endpoints.push(ready.split(' ').next().unwrap().to_owned());
        }
    }
    for endpoint in &endpoints {
        assert_eq!(run_bullhorn(["send", endpoint, "abc"]).code, 0);
    }
    serve.signal("TERM");
    let mut text = String::new();
    stderr.read_to_string(&mut text).unwrap();
    assert!(serve.wait().success(), "{text}");
    let [udp, tcp] = [&endpoints[0], &endpoints[1]];
    for line in [
        format!("{udp}: peers: 1 listed, 0 evicted"),
        format!("{udp}: peer 127.0.0.1: received 1 = answered 1 + dropped 0; last seen 0.0 s ago"),
        format!(
            "{tcp}: peer 127.0.0.1: accepted 1 = finished 1 + dropped 0 + open 0; \
             bytes received: 4, answered: 4; last seen 0.0 s ago"
        ),
    ] {
        let seen =
            |shown: &str| shown.split("; last seen").next() == line.split("; last seen").next();
        assert!(text.lines().any(seen), "{line} not in {text}");
    }
}

#[test]
fn a_signal_prints_the_peers_and_the_server_goes_on() {
    let mut served = Served::start(&["udp://127.0.0.1:0", "--peers", "4"]);
    let endpoint = served.endpoint().to_owned();
    for answered in 1..=3 {
        assert_eq!(run_bullhorn(["send", &endpoint, "a"]).code, 0);
        // The client may be faster than the count.
        wait_until("the answer is counted", || {
            served.process.signal("USR1");
            let peers = served.read_line();
            assert_eq!(peers["event"], "peers", "{peers}");
            peers["endpoints"][0]["peers"][0]["answered"] == answered
        });
    }
    served.stop().assert_datagrams(3, 3, 0);
}

#[test]
fn the_signal_does_not_end_a_server_without_a_list_and_the_log_says_what_is_missing() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    served.process.signal("USR1");
    assert_eq!(run_bullhorn(["send", served.endpoint(), "a"]).code, 0);
    let stopped = served.stop();
    stopped.assert_datagrams(1, 1, 0);
    assert!(stopped.stderr.contains("--peers"), "{}", stopped.stderr);
}
