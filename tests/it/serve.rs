//! `serve`: ready lines, answers on every endpoint, drains, totals.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::{
    Served, TEST_TIMEOUT, bullhorn, capitals, mixed_lines, own, run_bullhorn, wait_until,
};

#[test]
fn each_ready_line_shows_endpoint_family_type_and_descriptor() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "tcp://[::1]:0",
        own("unixgram:@bullhorn-test-ready").as_str(),
        own("unixpacket:@bullhorn-test-ready").as_str(),
    ]);
    let shown: Vec<_> = served
        .ready
        .iter()
        .map(|line| {
            (
                line["family"].as_str().unwrap(),
                line["type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("AF_INET", "SOCK_DGRAM"),
            ("AF_INET6", "SOCK_STREAM"),
            ("AF_UNIX", "SOCK_DGRAM"),
            ("AF_UNIX", "SOCK_SEQPACKET")
        ]
    );
    assert_ne!(served.port(0), 0);
    for line in &served.ready {
        let link = format!(
            "/proc/{}/fd/{}",
            served.process.child.id(),
            line["descriptor"]
        );
        let target = std::fs::read_link(link).unwrap();
        assert!(
            target.to_string_lossy().starts_with("socket:"),
            "{target:?}"
        );
    }
}

#[test]
fn sigterm_and_sigint_print_the_totals_and_exit_0() {
    for signal in ["TERM", "INT"] {
        let served = Served::start(&["udp://127.0.0.1:0"]);
        assert_eq!(run_bullhorn(["send", served.endpoint(), "a", "b"]).code, 0);
        served.stop_by(signal).assert_datagrams(2, 2, 0);
    }
}

#[test]
fn what_was_received_before_the_signal_is_answered_before_the_end() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        own("unixgram:@bullhorn-test-drain").as_str(),
    ]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    // While stopped, the server cannot answer before it gets the signal to end.
    served.process.signal("STOP");
    for number in 0..100 {
        client
            .send_to(
                format!("text {number}").as_bytes(),
                format!("127.0.0.1:{}", served.port(0)),
            )
            .unwrap();
    }
    served.process.signal("TERM");
    served.process.signal("CONT");
    for number in 0..100 {
        let mut buffer = [0; 64];
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], format!("TEXT {number}").as_bytes());
    }
    served.stop().assert_datagrams(100, 100, 0);
}

#[test]
fn a_stream_gets_all_its_answers_before_a_stopping_server_ends_it() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let text = "grüße aus dem puffer\n".repeat(1000);
    served.process.signal("STOP");
    stream.write_all(text.as_bytes()).unwrap();
    served.process.signal("TERM");
    served.process.signal("CONT");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, text.to_uppercase());
    let totals = served.stop();
    assert_eq!(totals.code, Some(0));
    let endpoint = &totals.summary["endpoints"][0];
    assert_eq!(
        (&endpoint["accepted"], &endpoint["finished"]),
        (&1.into(), &1.into()),
        "{endpoint}"
    );
}

#[test]
fn after_a_half_close_the_peer_gets_all_answers_and_then_a_fin() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let text = "weiß ".repeat(50_000);
    let mut writer = stream.try_clone().unwrap();
    let sent = text.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(sent.as_bytes()).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    writing.join().unwrap();
    assert_eq!(answer, text.to_uppercase());
}

#[test]
fn simultaneous_connections_each_get_their_own_answer() {
    // One loop, so that all of them are ready together.
    let served = Served::start_command(
        bullhorn().args(["serve", "--json", "--workers", "1", "tcp://127.0.0.1:0"]),
        1,
    );
    let mut streams: Vec<TcpStream> = (0..50)
        .map(|_| {
            let stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
            stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
            stream
        })
        .collect();
    let texts: Vec<Vec<u8>> = mixed_lines(streams.len())
        .into_iter()
        .enumerate()
        .map(|(index, line)| match index % 10 {
            // More than one read takes, exactly one read, and nothing.
            3 => line.repeat(40_000 / line.len()),
            6 => vec![b'a' + (index / 10) as u8; 16 << 10],
            9 => Vec::new(),
            _ => line,
        })
        .collect();
    for mut stream in &streams {
        stream.write_all(b"a").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    served.process.signal("STOP");
    for (index, (mut stream, text)) in streams.iter().zip(&texts).enumerate() {
        stream.write_all(text).unwrap();
        if index % 4 == 0 {
            stream.shutdown(Shutdown::Write).unwrap();
        }
    }
    // It closes abruptly between the others.
    let reset = streams.remove(11);
    socket2::SockRef::from(&reset)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(reset);
    served.process.signal("CONT");
    for (index, text) in texts.iter().enumerate().filter(|(index, _)| *index != 11) {
        let mut stream = &streams[index - usize::from(index > 11)];
        if index % 4 != 0 {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, capitals(text), "{index}");
    }
    let totals = served.stop();
    assert_eq!(totals.code, Some(0), "{totals:?}");
    let endpoint = &totals.summary["endpoints"][0];
    assert_eq!(
        (&endpoint["finished"], &endpoint["dropped"]),
        (&49.into(), &1.into())
    );
}

#[test]
fn a_character_split_over_two_writes_is_answered_whole() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let text = "aß€\u{10428}ŉ".as_bytes();
    let mut answer: Vec<u8> = Vec::new();
    let mut received = [0; 16];
    for (index, byte) in text.iter().enumerate() {
        stream.write_all(&[*byte]).unwrap();
        // Each whole character is answered before the next byte is sent.
        let whole = std::str::from_utf8(&text[..=index])
            .map_or(answer.len(), |text| capitals(text.as_bytes()).len());
        while answer.len() < whole {
            let length = stream.read(&mut received).unwrap();
            answer.extend(&received[..length]);
        }
    }
    assert_eq!(answer, capitals(text));
    // One that is never completed comes back unchanged at the end.
    stream.write_all(&[0xe2, 0x82]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [0xe2, 0x82]);
}

#[test]
fn an_answer_too_large_for_a_datagram_is_dropped_and_counted() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", served.port(0))).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.send("ŉ".repeat(30_000).as_bytes()).unwrap();
    client.send(b"small").unwrap();
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"SMALL");
    let totals = served.stop();
    totals.assert_datagrams(2, 1, 1);
    assert_eq!(
        totals.summary["endpoints"][0]["dropped_by"]["answer_too_large"],
        1
    );
}

#[test]
fn a_unix_datagram_without_a_return_address_is_counted() {
    let served = Served::start(&[own("unixgram:@bullhorn-test-nameless").as_str()]);
    let client = UnixDatagram::unbound().unwrap();
    let address =
        std::os::unix::net::SocketAddr::from_abstract_name(own("bullhorn-test-nameless")).unwrap();
    client.send_to_addr(b"who am I?", &address).unwrap();
    let totals = served.stop();
    totals.assert_datagrams(1, 0, 1);
    assert_eq!(
        totals.summary["endpoints"][0]["dropped_by"]["no_return_address"],
        1
    );
}

use std::os::linux::net::SocketAddrExt;

#[test]
fn one_connection_too_many_is_closed_and_counted() {
    let served = Served::start(&["tcp://127.0.0.1:0", "--max-connections", "2"]);
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream
    };
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"a").unwrap();
        let mut answer = [0];
        matches!(stream.read(&mut answer), Ok(1)) && answer == *b"A"
    };
    let (mut first, mut second) = (connect(), connect());
    assert!(ask(&mut first) && ask(&mut second));
    match connect().read(&mut [0]) {
        Ok(length) => assert_eq!(length, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert!(ask(&mut first) && ask(&mut second));
    drop((first, second));
    wait_until("the end of a connection makes room", || {
        let mut next = connect();
        next.write_all(b"a").is_ok() && matches!(next.read(&mut [0]), Ok(1))
    });
    let totals = served.stop();
    assert!(
        totals.summary["endpoints"][0]["dropped_by"]["too_many_connections"].as_u64() >= Some(1)
    );
}

#[test]
fn a_silent_connection_is_closed_after_the_idle_timeout() {
    let served = Served::start(&["tcp://127.0.0.1:0", "--idle-timeout", "100ms"]);
    let mut stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let begin = std::time::Instant::now();
    assert!(!matches!(stream.read(&mut [0]), Ok(1)));
    assert!(begin.elapsed() >= Duration::from_millis(100));
    let totals = served.stop();
    assert_eq!(
        totals.summary["endpoints"][0]["dropped_by"]["idle_timeout"],
        1
    );
}

#[test]
fn a_peer_that_does_not_read_stops_being_read_and_costs_constant_memory() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let before = served.resident();
    let mut stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let chunk = vec![b'x'; 1 << 20];
    // The kernel's buffers take some megabytes, and then writing blocks.
    let mut accepted = 0;
    while accepted < 1 << 30 {
        match stream.write(&chunk) {
            Ok(length) => accepted += length,
            Err(_) => break,
        }
    }
    assert!(
        accepted < 1 << 30,
        "a peer that does not read was read without end"
    );
    assert!(
        served.resident() < before + (4 << 20),
        "{} then {}",
        before,
        served.resident()
    );
}

#[test]
fn an_idle_server_is_small() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "tcp://127.0.0.1:0",
        own("unix:@bullhorn-test-small").as_str(),
    ]);
    assert!(served.resident() < 10 << 20, "{} bytes", served.resident());
}

#[test]
fn v_logs_requests_and_vv_each_socket_call_in_order() {
    let mut command = bullhorn();
    command.args(["serve", "--json", "-vv", "udp://127.0.0.1:0"]);
    let served = Served::start_command(&mut command, 1);
    assert_eq!(
        run_bullhorn(["send", served.endpoint(), "héllo\u{1b}"]).code,
        0
    );
    let totals = served.stop();
    let mut rest = totals.stderr.as_str();
    for expected in [
        "socket(AF_INET, SOCK_DGRAM, 0) = 3",
        "bind(3, udp://127.0.0.1:0) = 0",
        "recvmsg(3) = 7 \"héllo\\u{1b}\" from udp://127.0.0.1:",
        " asks \"héllo\\u{1b}\"",
        "sendmsg(3, \"HÉLLO\\u{1b}\", to udp://127.0.0.1:",
    ] {
        let position = rest
            .find(expected)
            .unwrap_or_else(|| panic!("no {expected:?} in {rest}"));
        rest = &rest[position + expected.len()..];
    }
}

#[test]
fn quiet_prints_nothing() {
    let mut command = bullhorn();
    command.args(["serve", "-q", "tcp://127.0.0.1:0"]);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut running = crate::support::Running::start(&mut command);
    wait_until("the server listens", || {
        std::fs::read_dir(format!("/proc/{}/task", running.child.id()))
            .is_ok_and(|tasks| tasks.count() > 1)
            && std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).is_ok_and(
                |status| {
                    status.lines().any(|line| {
                        line.starts_with("SigCgt:")
                            && u64::from_str_radix(line[7..].trim(), 16)
                                .is_ok_and(|caught| caught & (1 << 14) != 0)
                    })
                },
            )
    });
    running.signal("TERM");
    assert_eq!(running.wait().code(), Some(0));
    let (mut out, mut err) = (String::new(), String::new());
    running
        .child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    running
        .child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
}
