//! Limits: which sources are answered, how often, with how much, and a flood that is accounted for.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::inherit::inheriting;
use crate::support::{
    Served, TEST_TIMEOUT, Totals, bullhorn, own, run_bullhorn, skipped, wait_until,
};
use crate::support_netns::{RawSender, in_own_network};

/// Spoofed datagrams in the flood.
const FLOOD: u64 = 1_000_000;

fn dropped_by(totals: &Totals, index: usize, cause: &str) -> u64 {
    totals.summary["endpoints"][index]["dropped_by"][cause]
        .as_u64()
        .unwrap()
}

fn count(totals: &Totals, name: &str) -> u64 {
    totals.summary[name].as_u64().unwrap()
}

fn client(host: &str, port: u16) -> UdpSocket {
    let client = UdpSocket::bind((host, 0)).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client
}

/// Sends a text and waits for its answer.
fn is_answered(client: &UdpSocket) {
    client.send(b"hello").unwrap();
    let mut buffer = [0; 16];
    let length = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"HELLO");
}

/// What a connection from `host` receives for a line until the server closes it.
fn over_tcp(host: &str, port: u16) -> Vec<u8> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let from: SocketAddr = format!("{host}:0").parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket
        .connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())
        .unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let mut answer = Vec::new();
    // A rejected client may see a reset instead of an end.
    let _ = stream.write_all(b"hello\n");
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn networks_that_are_denied_or_not_allowed_get_nothing_over_udp_and_tcp() {
    for (options, served_host, other_host) in [
        (&["--deny", "127.0.0.8/29"][..], "127.0.0.1", "127.0.0.9"),
        (
            &["--allow", "127.0.0.8/29,10.0.0.0/8"],
            "127.0.0.9",
            "127.0.0.1",
        ),
        (
            &[
                "--allow",
                "127.0.0.0/8",
                "--deny",
                "10.0.0.1",
                "--deny",
                "127.0.0.9",
            ],
            "127.0.0.1",
            "127.0.0.9",
        ),
    ] {
        let served =
            Served::start(&[&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], options].concat());
        let other = client(other_host, served.port(0));
        other.send(b"hello").unwrap();
        is_answered(&client(served_host, served.port(0)));
        assert_eq!(over_tcp(other_host, served.port(1)), b"");
        assert_eq!(over_tcp(served_host, served.port(1)), b"HELLO\n");
        other.set_nonblocking(true).unwrap();
        assert!(other.recv(&mut [0; 16]).is_err());
        let totals = served.stop();
        totals.assert_datagrams(2, 1, 1);
        assert_eq!(dropped_by(&totals, 0, "source_denied"), 1, "{totals:?}");
        assert_eq!(dropped_by(&totals, 1, "source_denied"), 1, "{totals:?}");
    }
}

#[test]
fn lists_of_networks_leave_unix_sockets_alone() {
    let names = ["unix", "unixpacket", "unixgram"]
        .map(|scheme| own(&format!("{scheme}:@bullhorn-test-limits")));
    let names = names.each_ref().map(String::as_str);
    let served = Served::start(&[
        names[0],
        names[1],
        names[2],
        "--allow",
        "192.0.2.1",
        "--rate-limit",
        "1/s",
    ]);
    for name in names {
        assert_eq!(
            run_bullhorn(["send", name, "a", "b", "c"]).text(),
            "A\nB\nC\n"
        );
    }
    assert_eq!(served.stop().summary["dropped"], 0);
}

#[test]
fn a_malformed_network_or_rate_is_a_usage_error_with_an_example() {
    for (flag, value, word) in [
        ("--allow", "192.0.2.1/24", "192.0.2.0/24"),
        ("--deny", "somewhere", "2001:db8::/32"),
        ("--rate-limit", "fast", "1000/s"),
        ("--loop-guard", "perhaps", "off"),
    ] {
        let ended = run_bullhorn(["serve", "udp://127.0.0.1:0", flag, value]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
}

#[test]
fn a_source_is_answered_up_to_its_rate_and_others_are_not_held_up() {
    const SENT: u64 = 1000;
    const RATE: u64 = 50;
    let served = Served::start(&["udp://127.0.0.1:0", "--rate-limit", "50/s"]);
    let greedy = client("127.0.0.1", served.port(0));
    let begin = Instant::now();
    for number in 0..SENT {
        greedy.send(format!("number {number}").as_bytes()).unwrap();
    }
    // From another network, and therefore answered at once.
    is_answered(&client("127.1.0.1", served.port(0)));
    // It is not refused forever.
    let later = client("127.0.0.1", served.port(0));
    later
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let mut asked = 0;
    wait_until("the greedy source is answered again", || {
        asked += 1;
        later.send(format!("later {asked}").as_bytes()).unwrap();
        later.recv(&mut [0; 16]).is_ok()
    });
    let totals = served.stop();
    let limited = dropped_by(&totals, 0, "rate_limited");
    let answered = count(&totals, "answered") - 1;
    assert_eq!(answered + limited, SENT + asked, "{totals:?}");
    let most = RATE + (begin.elapsed().as_secs_f64() * RATE as f64) as u64 + 1;
    assert!(
        (RATE..=most).contains(&answered),
        "{answered} of at most {most}"
    );
    let lines = totals
        .stderr
        .lines()
        .filter(|line| line.contains("rate_limited"));
    assert!((1..=2).contains(&lines.count()), "{}", totals.stderr);
}

#[test]
fn a_limit_is_the_default_on_a_public_address_and_printed_at_startup() {
    for (endpoint, options, expected) in [
        ("udp://127.0.0.1:0", &[][..], None),
        ("udp://127.0.0.1:0", &["--rate-limit", "7/s"], Some(7)),
        ("udp://0.0.0.0:0", &[], Some(1000)),
        ("udp://0.0.0.0:0", &["--rate-limit", "off"], None),
        ("udp://0.0.0.0:0", &["--rate-limit", "7/s"], Some(7)),
        ("tcp://0.0.0.0:0", &[], None),
        (
            own("unixgram:@bullhorn-test-default").as_str(),
            &["--rate-limit", "7/s"],
            None,
        ),
    ] {
        let served = Served::start(&[&[endpoint], options].concat());
        let actual = served.ready[0]["rate_limit_per_second"].as_u64();
        assert_eq!(actual, expected, "{endpoint} {options:?}");
        served.stop();

        let mut command = bullhorn();
        command
            .arg("serve")
            .arg(endpoint)
            .args(options)
            .stderr(Stdio::piped());
        let mut running = crate::support::Running::start(&mut command);
        let mut stderr = std::io::BufReader::new(running.child.stderr.take().unwrap());
        let mut text = String::new();
        std::io::BufRead::read_line(&mut stderr, &mut text).unwrap();
        running.signal("TERM");
        stderr.read_to_string(&mut text).unwrap();
        let line = text.lines().find(|line| line.starts_with("rate limit: "));
        let actual = line.map(|line| line.split(' ').nth(2).unwrap().parse().unwrap());
        assert_eq!(actual, expected, "{text}");
    }
}

#[test]
fn the_default_limit_does_not_apply_to_this_machines_own_programs() {
    let served = Served::start(&["udp://0.0.0.0:0"]);
    let client = client("127.0.0.1", served.port(0));
    for _ in 0..5000 {
        is_answered(&client);
    }
    served.stop().assert_datagrams(5000, 5000, 0);
}

/// Its address arrives mapped to IPv6.
#[test]
fn an_ipv4_client_of_a_socket_of_both_families_is_known_by_its_ipv4_address() {
    let serve = |options: &[&str]| {
        let both = Socket::new(Domain::IPV6, Type::DGRAM, None).ok()?;
        both.set_only_v6(false).unwrap();
        both.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into())
            .ok()?;
        let arguments = [&["serve", "--json", "fd:3"][..], options].concat();
        let mut command = inheriting("", both, &arguments);
        Some(Served::start_command(&mut command, 1))
    };
    // The default limit does not apply to loopback.
    let Some(served) = serve(&[]) else {
        return skipped("this machine has no IPv6");
    };
    let near = client("127.0.0.1", served.port(0));
    for _ in 0..3000 {
        is_answered(&near);
    }
    served.stop().assert_datagrams(3000, 3000, 0);

    let served = serve(&["--deny", "127.0.0.8/29"]).unwrap();
    client("127.0.0.9", served.port(0)).send(b"hello").unwrap();
    is_answered(&client("127.0.0.1", served.port(0)));
    let totals = served.stop();
    totals.assert_datagrams(2, 1, 1);
    assert_eq!(dropped_by(&totals, 0, "source_denied"), 1, "{totals:?}");
}

#[test]
fn no_answer_is_longer_than_three_times_its_text_and_the_worst_character_makes_it_so() {
    // Over a real socket, the characters whose capitals are longest in proportion.
    let growth = |character: char| {
        let capitals: usize = character.to_uppercase().map(char::len_utf8).sum();
        (capitals, character.len_utf8())
    };
    let worst: Vec<char> = (char::MIN..=char::MAX)
        .filter(|character| growth(*character).0 >= 3 * growth(*character).1)
        .collect();
    assert_eq!(
        worst,
        ['\u{390}', '\u{3b0}'],
        "ΐ and ΰ, 2 bytes that become 6"
    );
    assert!(worst.iter().all(|character| growth(*character) == (6, 2)));
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let client = client("127.0.0.1", served.port(0));
    let mut buffer = vec![0; 65_536];
    for (character, count) in [('\u{390}', 1), ('\u{3b0}', 700), ('\u{390}', 65_507 / 6)] {
        let text = character.to_string().repeat(count);
        client.send(text.as_bytes()).unwrap();
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(length, 3 * text.len());
        assert_eq!(&buffer[..length], text.to_uppercase().as_bytes());
    }
    // One more would exceed a datagram.
    let text = "\u{390}".repeat(65_507 / 6 + 1);
    client.send(text.as_bytes()).unwrap();
    is_answered(&client);
    let totals = served.stop();
    totals.assert_datagrams(5, 4, 1);
    assert_eq!(dropped_by(&totals, 0, "answer_too_large"), 1);
}

/// Marsaglia's xorshift, 64 bits.
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// Random bytes of random sizes, mostly short, from random sources of 127.0.0.0/8. Returns how many
/// were sent and how many the kernel did not take.
fn flood(raw: &RawSender, port: u16, datagrams: u64, seed: u64) -> (u64, u64) {
    let mut random = seed;
    let mut pool = vec![0; 1 << 16];
    for bytes in pool.chunks_mut(8) {
        bytes.copy_from_slice(&next(&mut random).to_ne_bytes());
    }
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let (mut sent, mut failed) = (0, 0);
    for _ in 0..datagrams {
        let [from, sizes] = [next(&mut random), next(&mut random)];
        let host = Ipv4Addr::from(0x7f00_0000 | (from as u32 & 0x00ff_ffff));
        let from = SocketAddrV4::new(host, (from >> 32) as u16);
        let largest = if sizes.is_multiple_of(64) { 9000 } else { 200 };
        let size = (sizes >> 32) as usize % largest;
        let begin = (sizes >> 8) as usize % (pool.len() - size);
        match raw.send(from, to, &pool[begin..begin + size]) {
            Ok(()) => sent += 1,
            Err(_) => failed += 1,
        }
    }
    (sent, failed)
}

/// Sends requests until `done`; returns how many datagrams that took, and the longest time without
/// an answer.
fn ask_repeatedly(port: u16, done: &AtomicBool) -> (u64, u64, Duration) {
    let client = client("127.0.0.1", port);
    client
        .set_read_timeout(Some(Duration::from_millis(30)))
        .unwrap();
    let (mut sent, mut answered, mut longest) = (0, 0, Duration::ZERO);
    while !done.load(Ordering::Relaxed) {
        let text = format!("still there? {answered}");
        let begin = Instant::now();
        loop {
            client.send(text.as_bytes()).unwrap();
            sent += 1;
            let mut buffer = [0; 64];
            let is_answered = loop {
                match client.recv(&mut buffer) {
                    Ok(length) if &buffer[..length] == text.to_uppercase().as_bytes() => {
                        break true;
                    }
                    // A late answer to the previous text, which was sent twice.
                    Ok(_) => {}
                    Err(_) => break false,
                }
            };
            if is_answered {
                break;
            }
            assert!(begin.elapsed() < TEST_TIMEOUT, "no answer");
        }
        longest = longest.max(begin.elapsed());
        answered += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    (sent, answered, longest)
}

/// The longest delay with which this machine wakes a thread, which is not the server's fault.
fn watch_the_scheduler(done: &AtomicBool) -> Duration {
    const NAP: Duration = Duration::from_millis(5);
    let mut latest = Duration::ZERO;
    while !done.load(Ordering::Relaxed) {
        let begin = Instant::now();
        std::thread::sleep(NAP);
        latest = latest.max(begin.elapsed() - NAP);
    }
    latest
}

/// What the kernel dropped on loopback, in this thread's network, before any socket.
fn dropped_by_loopback() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let dropped = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    dropped.unwrap()
}

#[test]
fn a_flood_of_a_million_spoofed_datagrams_is_accounted_for_and_a_polite_client_answered() {
    in_own_network(flood_and_account);
}

fn flood_and_account() {
    let Some(raw) = RawSender::new() else {
        return;
    };
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "--workers",
        "2",
        "--rate-limit",
        "1000/s",
    ]);
    let port = served.port(0);
    let done = Arc::new(AtomicBool::new(false));
    let polite = {
        let done = done.clone();
        std::thread::spawn(move || ask_repeatedly(port, &done))
    };
    let scheduler = {
        let done = done.clone();
        std::thread::spawn(move || watch_the_scheduler(&done))
    };
    let begin = Instant::now();
    let (first, first_failed) = flood(&raw, port, FLOOD / 2, 0x9e37_79b9_7f4a_7c15);
    let half_way = served.resident();
    let (second, second_failed) = flood(&raw, port, FLOOD / 2, 0xf1de_83e1_9937_733d);
    let took = begin.elapsed();
    let resident = served.resident();
    done.store(true, Ordering::Relaxed);
    let (asked, answered, longest) = polite.join().unwrap();
    let late = scheduler.join().unwrap();
    let totals = served.stop();
    assert_eq!(totals.code, Some(0));
    assert_eq!(first + second + first_failed + second_failed, FLOOD);
    let sent = first + second + asked;
    let arrived = count(&totals, "received") + count(&totals, "kernel_dropped");
    // Before any socket, a busy kernel drops what exceeds net.core.netdev_max_backlog: requests,
    // and answers to the spoofed sources too, so this is not the exact number of either.
    let dropped_on_the_way = dropped_by_loopback();
    assert!(
        (sent - dropped_on_the_way.min(sent)..=sent).contains(&arrived),
        "{sent} sent, {arrived} arrived, {dropped_on_the_way} dropped on the way: {totals:?}"
    );
    assert_eq!(
        count(&totals, "received"),
        count(&totals, "answered") + count(&totals, "dropped")
    );
    // Each source has its own limit, and none of so many sources came near it.
    assert_eq!(dropped_by(&totals, 0, "rate_limited"), 0, "{totals:?}");
    assert!(
        resident < half_way + (2 << 20),
        "{half_way} then {resident}"
    );
    // A request and its answer wake three threads.
    assert!(
        answered > 0 && longest < Duration::from_secs(1) + 3 * late,
        "{longest:?}, {late:?}"
    );
    // Seen with --nocapture.
    println!(
        "{FLOOD} in {took:.1?}, not taken {}; well-behaved client: {answered} answers, longest {longest:?}, \
         scheduler late by {late:?}; \
         dropped on the way {dropped_on_the_way}; \
         resident {half_way} then {resident}; {}",
        first_failed + second_failed,
        totals.summary
    );
}
