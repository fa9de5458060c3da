//! Floods: every datagram is accounted for, memory stays flat, other clients are served meanwhile.

use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::SockRef;

use crate::inherit::inheriting;
use crate::support::{Served, TEST_TIMEOUT, run_bullhorn};

/// Datagrams in one flood.
const FLOOD: u64 = 200_000;

/// Texts of every kind and many sizes, all different.
fn text(number: u64) -> Vec<u8> {
    let filler = ["x", "ß", "привет ", "ŉ", "\u{1f600}"][number as usize % 5];
    let mut text = format!("{number} {}", filler.repeat((number % 40) as usize)).into_bytes();
    if number.is_multiple_of(7) {
        text.extend([0xff, 0xc3, 0x28]);
    }
    text
}

#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn everything_is_accounted_for(options: &[&str]) {
    let mut arguments = vec!["udp://127.0.0.1:0"];
    arguments.extend(options);
    let served = Served::start(&arguments);
    let flood = |from: u64, to: u64| {
        // Each from a few sources, which read no answer.
        let sources: Vec<_> = (0..4)
            .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        for number in from..to {
            let source = &sources[number as usize % sources.len()];
            source
                .send_to(&text(number), ("127.0.0.1", served.port(0)))
                .unwrap();
        }
    };
    flood(0, FLOOD / 2);
    let half_way = served.resident();
    let done = Arc::new(AtomicBool::new(false));
    let polite = {
        let (done, endpoint) = (done.clone(), served.endpoint().to_owned());
        std::thread::spawn(move || {
            let mut answered = 0;
            while !done.load(Ordering::Relaxed) {
                let ended = run_bullhorn([
                    "send",
                    "--retries",
                    "50",
                    "--timeout",
                    "200ms",
                    &endpoint,
                    "still there?",
                ]);
                assert_eq!(
                    (ended.code, ended.text().as_str()),
                    (0, "STILL THERE?\n"),
                    "{}",
                    ended.stderr
                );
                answered += 1;
            }
            answered
        })
    };
    flood(FLOOD / 2, FLOOD);
    done.store(true, Ordering::Relaxed);
    assert!(polite.join().unwrap() > 0);
    assert!(
        served.resident() < half_way + (2 << 20),
        "{half_way} then {}",
        served.resident()
    );
    let totals = served.stop();
    let count = |name: &str| totals.summary[name].as_u64().unwrap();
    assert_eq!(
        count("received"),
        count("answered") + count("dropped"),
        "{totals:?}"
    );
    // The texts of the well-behaved client come on top, each at least once.
    assert!(
        count("received") + count("kernel_dropped") > FLOOD,
        "{totals:?}"
    );
}

#[test]
fn a_flood_is_accounted_for_to_the_datagram_by_the_batched_backend() {
    everything_is_accounted_for(&["--workers", "2"]);
}

#[test]
fn a_flood_is_accounted_for_to_the_datagram_by_the_plain_backend() {
    everything_is_accounted_for(&["--backend", "plain"]);
}

#[test]
fn kernel_drops_are_shown_and_everything_sent_is_accounted_for() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "--workers",
        "1",
        "--receive-buffer",
        "8192",
    ]);
    served.process.signal("STOP");
    let source = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..1000 {
        source
            .send_to(&text(number), ("127.0.0.1", served.port(0)))
            .unwrap();
    }
    served.process.signal("CONT");
    let totals = served.stop();
    let count = |name: &str| totals.summary[name].as_u64().unwrap();
    assert!(count("kernel_dropped") > 0);
    assert_eq!(
        count("received") + count("kernel_dropped"),
        1000,
        "{totals:?}"
    );
    assert_eq!(count("received"), count("answered"));
}

#[test]
fn kernel_drops_before_the_server_started_are_not_counted() {
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    SockRef::from(&held).set_recv_buffer_size(8192).unwrap();
    let source = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..1000 {
        let to = held.local_addr().unwrap();
        source.send_to(&text(number), to).unwrap();
    }
    let arguments = ["serve", "--json", "fd:3"];
    let served = Served::start_command(&mut inheriting("", held, &arguments), 1);
    let totals = served.stop();
    let count = |name: &str| totals.summary[name].as_u64().unwrap();
    assert!((1..1000).contains(&count("received")), "{totals:?}");
    assert_eq!(count("kernel_dropped"), 0, "{totals:?}");
}

#[test]
fn an_idle_connection_costs_less_than_three_kilobytes() {
    use std::io::{Read, Write};
    const CONNECTIONS: u64 = 500;
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let connect = || {
        let mut stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream.write_all(b"once\n").unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"ONCE\n");
        stream
    };
    let first: Vec<_> = (0..20).map(|_| connect()).collect();
    let before = served.resident();
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| connect()).collect();
    let each = (served.resident() - before) / CONNECTIONS;
    assert!(each < 3000, "{each} bytes each");
    drop((first, idle));
}
