//! `unixpacket:`, a connection that keeps message boundaries (SOCK_SEQPACKET): one message, one
//! answer, in order, and never a part of one.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::path::Path;
use std::process::Stdio;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::{Running, Served, TEST_TIMEOUT, bullhorn, own, run, run_bullhorn, wait_until};

fn socket() -> Socket {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    socket.set_write_timeout(Some(TEST_TIMEOUT)).unwrap();
    socket
}

fn connected(endpoint: &str) -> Socket {
    let name = endpoint.strip_prefix("unixpacket:").unwrap();
    let address = match name.strip_prefix('@') {
        Some(name) => SockAddr::unix(format!("\0{name}")).unwrap(),
        None => SockAddr::unix(name).unwrap(),
    };
    let socket = socket();
    socket.connect(&address).unwrap();
    socket
}

fn received(mut socket: &Socket) -> Vec<u8> {
    let mut buffer = vec![0; 100_000];
    let length = socket.read(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

fn assert_dropped_as(served: Served, cause: &str, connections: u64) {
    let summary = served.stop().summary;
    let endpoint = &summary["endpoints"][0];
    assert_eq!(endpoint["dropped_by"][cause], connections, "{endpoint}");
    assert_eq!(endpoint["dropped"], connections, "{endpoint}");
}

#[test]
fn each_message_gets_one_answer_in_order_also_an_empty_one() {
    let served = Served::start(&[own("unixpacket:@bullhorn-test-packet").as_str()]);
    let client = connected(served.endpoint());
    // Each is a text of its own: a character does not continue in the next.
    let texts: [&[u8]; 7] = [
        b"one",
        b"",
        "straße".as_bytes(),
        b"\xc3",
        b"\xb6",
        b"",
        b"two\n",
    ];
    for text in texts {
        client.send(text).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    for text in texts {
        let expected = match std::str::from_utf8(text) {
            Ok(text) => text.to_uppercase().into_bytes(),
            Err(_) => text.to_vec(),
        };
        assert_eq!(received(&client), expected);
    }
    assert_eq!(received(&client), b"", "the end");
    let endpoint = &served.stop().summary["endpoints"][0];
    assert_eq!(endpoint["type"], "SOCK_SEQPACKET");
    assert_eq!(endpoint["finished"], 1, "{endpoint}");
    assert_eq!(endpoint["received_bytes"], 16, "{endpoint}");
    assert_eq!(endpoint["answered_bytes"], 16, "{endpoint}");
}

#[test]
fn the_longest_message_is_answered_and_a_longer_one_ends_its_connection() {
    let served = Served::start(&[own("unixpacket:@bullhorn-test-packet-long").as_str()]);
    let longest = vec![b'x'; 65_536];
    let other = connected(served.endpoint());
    let client = connected(served.endpoint());
    client.send(&longest).unwrap();
    assert_eq!(received(&client), longest.to_ascii_uppercase());
    // One byte more, and a text whose capitals are longer.
    for too_long in [vec![b'x'; 65_537], "ΐ".repeat(20_000).into_bytes()] {
        let client = connected(served.endpoint());
        client.send(b"before").unwrap();
        client.send(&too_long).unwrap();
        if let Err(error) = client.send(b"behind") {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
        // The kernel reports that the rest was not read before it hands out what came earlier.
        let mut answers = Vec::new();
        let mut buffer = [0; 8];
        loop {
            match (&client).read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => answers.push(buffer[..length].to_vec()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
        assert_eq!(answers, [b"BEFORE"]);
    }
    other.send(b"other").unwrap();
    assert_eq!(received(&other), b"OTHER");
    drop((client, other));
    assert_dropped_as(served, "message_too_large", 2);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let served = Served::start(&[own("unixpacket:@bullhorn-test-packet-pressure").as_str()]);
    let id = served.process.child.id();
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap()
    };
    let client = connected(served.endpoint());
    client.send(&[b'x'; 60_000]).unwrap();
    assert_eq!(received(&client).len(), 60_000);
    let before = resident();
    client.set_nonblocking(true).unwrap();
    let mut sent = 0_u32;
    let mut last = std::time::Instant::now();
    // Full once the kernel has taken nothing for a while.
    while last.elapsed().as_millis() < 500 {
        match client.send(&text(sent)) {
            Ok(_) => {
                sent += 1;
                last = std::time::Instant::now();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                std::thread::yield_now();
            }
        }
        assert!(sent < 10_000, "there is no back-pressure");
    }
    assert!(
        resident() < before + 4_000,
        "{before} kB, {} kB",
        resident()
    );
    client.set_nonblocking(false).unwrap();
    for number in 0..sent {
        let expected = text(number).to_ascii_uppercase();
        assert!(received(&client) == expected, "answer {number}");
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(received(&client), b"");
    assert_eq!(served.stop().summary["endpoints"][0]["finished"], 1);
}

/// Every tenth is empty.
fn text(number: u32) -> Vec<u8> {
    match number % 10 {
        9 => Vec::new(),
        _ => format!("text {number} ").repeat(1_000).into_bytes(),
    }
}

#[test]
fn a_client_that_never_reads_is_dropped_after_the_write_timeout() {
    let endpoint = own("unixpacket:@bullhorn-test-packet-timeout");
    let served = Served::start(&[&endpoint, "--write-timeout", "200ms"]);
    let client = connected(&endpoint);
    client.set_nonblocking(true).unwrap();
    wait_until("the connection is closed", || {
        loop {
            match client.send(&[b'x'; 30_000]) {
                Ok(_) => {}
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        }
    });
    assert_dropped_as(served, "write_timeout", 1);
}

fn pass(socket: &Socket, text: &[u8], passed: BorrowedFd<'_>) {
    let descriptors = [passed; 20];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(20))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    assert!(beside.push(SendAncillaryMessage::ScmRights(&descriptors)));
    // A client that has ended meanwhile is gone.
    let _ = sendmsg(
        socket,
        &[IoSlice::new(text)],
        &mut beside,
        SendFlags::NOSIGNAL,
    );
}

fn descriptors(process: &Running) -> usize {
    let path = format!("/proc/{}/fd", process.child.id());
    std::fs::read_dir(path).map_or(0, Iterator::count)
}

#[test]
fn a_server_keeps_no_descriptor_that_is_passed_with_a_message() {
    let served = Served::start(&[own("unixpacket:@bullhorn-test-packet-passed").as_str()]);
    let client = connected(served.endpoint());
    client.send(b"first").unwrap();
    assert_eq!(received(&client), b"FIRST");
    let before = descriptors(&served.process);
    let passed = std::fs::File::open("/dev/null").unwrap();
    for text in [b"a".as_slice(), b"", b"b"] {
        pass(&client, text, passed.as_fd());
        assert_eq!(received(&client), text.to_ascii_uppercase());
        assert_eq!(descriptors(&served.process), before);
    }
}

/// A listener that answers each message by `answer`, until the client is gone.
fn listener(endpoint: &str) -> Socket {
    let name = endpoint.strip_prefix("unixpacket:@").unwrap();
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
    let name = address.as_abstract_name().unwrap();
    let path = [b"\0", name].concat();
    let listener = socket();
    let path: &Path = Path::new(std::str::from_utf8(&path).unwrap());
    listener.bind(&SockAddr::unix(path).unwrap()).unwrap();
    listener.listen(8).unwrap();
    listener
}

#[test]
fn no_client_keeps_a_descriptor_that_its_server_passes() {
    let verbs: [&[&str]; 4] = [
        &["ping", "-i", "1ms", "-c", "50"],
        &["ping", "--reconnect", "-i", "1ms", "-c", "50"],
        &["bench", "-d", "300ms", "--flows", "1"],
        &["send", "--window", "1"],
    ];
    for arguments in verbs {
        let endpoint = own("unixpacket:@bullhorn-test-packet-passes");
        let listener = listener(&endpoint);
        let mut command = bullhorn();
        command
            .arg(arguments[0])
            .arg(&endpoint)
            .args(&arguments[1..]);
        if arguments[0] == "send" {
            command.args((0..50).map(|number| format!("text {number}")));
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Running::start(command.stdin(Stdio::null()));
        let passed = std::fs::File::open("/dev/null").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (mut most, mut connections) = (0, Vec::new());
        while process.child.try_wait().unwrap().is_none() {
            if let Ok((connection, _)) = listener.accept() {
                connection.set_nonblocking(true).unwrap();
                connections.push(connection);
            }
            for connection in &connections {
                let mut buffer = [0; 4096];
                let mut reader = connection;
                if let Ok(length) = reader.read(&mut buffer)
                    && length > 0
                {
                    let answer = buffer[..length].to_ascii_uppercase();
                    pass(connection, &answer, passed.as_fd());
                    most = most.max(descriptors(&process));
                }
            }
        }
        assert!((1..100).contains(&most), "{arguments:?}: {most}");
    }
}

#[test]
fn a_text_and_an_answer_that_are_too_long_are_refused_by_the_client() {
    let served = Served::start(&[own("unixpacket:@bullhorn-test-packet-limit").as_str()]);
    let longest = vec![b'x'; 65_536];
    let ended = run(bullhorn().args(["send", served.endpoint()]), &longest);
    assert_eq!((ended.code, ended.stdout.len()), (0, 65_537));
    let longer = vec![b'x'; 65_537];
    let ended = run(bullhorn().args(["send", served.endpoint()]), &longer);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("65536 bytes that a message"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_connection_that_the_server_closed_while_idle_is_replaced_by_a_new_one() {
    let endpoint = own("unixpacket:@bullhorn-test-packet-idle");
    let served = Served::start(&[&endpoint, "--idle-timeout", "50ms"]);
    let mut command = bullhorn();
    command.args(["send", "--window", "1", &endpoint]);
    let mut process = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut stdin = process.child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    let mut stdout = process.child.stdout.take().unwrap();
    let mut answer = [0; 4];
    stdout.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ONE\n");
    let is_closed = || {
        let path = format!("/proc/{}/fd", served.process.child.id());
        let sockets = std::fs::read_dir(path).unwrap();
        sockets.count()
    };
    let open = is_closed();
    wait_until("the server has closed the connection", || {
        is_closed() < open
    });
    stdin.write_all(b"two\n").unwrap();
    stdout.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"TWO\n");
    drop(stdin);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_server_that_closes_before_it_answers_is_reported_by_every_verb() {
    for (arguments, code) in [
        (&["send", "--timeout", "20s"][..], 5),
        (&["ping", "-c", "3", "-i", "1ms", "-W", "20s"], 5),
        (
            &["ping", "--reconnect", "-c", "3", "-i", "1ms", "-W", "20s"],
            5,
        ),
    ] {
        let endpoint = own("unixpacket:@bullhorn-test-packet-closes");
        let listener = listener(&endpoint);
        let closing = std::thread::spawn(move || {
            while let Ok((connection, peer)) = listener.accept() {
                if peer.as_abstract_namespace() == Some(b"bullhorn-test-end") {
                    break;
                }
                let mut buffer = [0; 4096];
                let _ = (&connection).read(&mut buffer);
            }
        });
        let mut command = vec![arguments[0], &endpoint];
        command.extend(&arguments[1..]);
        if arguments[0] == "send" {
            command.push("text");
        }
        let begun = std::time::Instant::now();
        let ended = run_bullhorn(&command);
        assert!(begun.elapsed().as_secs() < 15, "{arguments:?}");
        assert_eq!(
            ended.code,
            code,
            "{arguments:?}: {}{}",
            ended.text(),
            ended.stderr
        );
        let name = endpoint.strip_prefix("unixpacket:@").unwrap();
        let last = socket();
        last.bind(&SockAddr::unix("\0bullhorn-test-end").unwrap())
            .unwrap();
        last.connect(&SockAddr::unix(format!("\0{name}")).unwrap())
            .unwrap();
        closing.join().unwrap();
    }
}

#[test]
fn a_client_waits_for_room_in_a_full_backlog() {
    let endpoint = own("unixpacket:@bullhorn-test-packet-backlog");
    for arguments in [
        &["send", &endpoint, "text", "--timeout", "60s"][..],
        &["ping", &endpoint, "-c", "1", "-W", "60s"],
    ] {
        let listener = listener(&endpoint);
        listener.listen(0).unwrap();
        let waiting = connected(&endpoint);
        let mut command = bullhorn();
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Running::start(command.stdin(Stdio::null()));
        std::thread::sleep(std::time::Duration::from_millis(100));
        let (_first, _) = listener.accept().unwrap();
        let (second, _) = listener.accept().unwrap();
        let text = received(&second);
        second.send(&text.to_ascii_uppercase()).unwrap();
        assert_eq!(process.wait().code(), Some(0), "{arguments:?}");
        drop(waiting);
    }
}
