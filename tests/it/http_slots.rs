//! The metrics address under attack: connection slots, and the Host header.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::{Served, TEST_TIMEOUT, bullhorn, wait_until};

/// A server and the address of its metrics.
fn serve(metrics: &str) -> (Served, SocketAddr) {
    let mut command = bullhorn();
    command
        .args(["serve", "--json", "udp://127.0.0.1:0", "--metrics", metrics])
        .stdin(Stdio::null());
    let mut served = Served::start_command(&mut command, 1);
    let line = served.read_line();
    let endpoint = line["endpoint"].as_str().unwrap();
    let address = endpoint.strip_prefix("tcp://").unwrap().parse().unwrap();
    (served, address)
}

fn connect_from(source: [u8; 4], server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.connect_timeout(&server.into(), TEST_TIMEOUT)?;
    socket.set_read_timeout(Some(TEST_TIMEOUT))?;
    Ok(socket.into())
}

/// The answer to a request that is sent `delay` after its connection is made.
fn ask(
    source: [u8; 4],
    server: SocketAddr,
    delay: Duration,
    request: &str,
) -> std::io::Result<String> {
    let mut stream = connect_from(source, server)?;
    std::thread::sleep(delay);
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The number of liveness checks that fail while `attack` is repeated, and the number of attacks.
fn failed_checks(
    checks: usize,
    source: [u8; 4],
    delay: Duration,
    server: SocketAddr,
    mut attack: impl FnMut() + Send,
) -> (usize, u64) {
    let (is_over, attacks) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                attack();
                attacks.fetch_add(1, Ordering::Relaxed);
            }
        });
        wait_until("the attack has begun", || {
            attacks.load(Ordering::Relaxed) > 200
        });
        let is_alive = |_: &usize| {
            let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let answer = ask(source, server, delay, request);
            answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
        };
        let passed = (0..checks).filter(is_alive).count();
        is_over.store(true, Ordering::Relaxed);
        (checks - passed, attacks.load(Ordering::Relaxed))
    })
}

/// Opens silent connections at 1,500 a second and holds the last 2,000 of them.
fn silent_flood(source: [u8; 4], server: SocketAddr) -> impl FnMut() + Send {
    let mut held = VecDeque::new();
    let mut next = Instant::now();
    move || {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next = next.max(Instant::now()) + Duration::from_micros(667);
        held.extend(connect_from(source, server));
        if held.len() > 2000 {
            held.pop_front();
        }
    }
}

const FAR_AWAY: Duration = Duration::from_millis(50);

#[test]
fn silent_connections_from_elsewhere_do_not_evict_a_scraper_that_is_far_away() {
    let (_served, server) = serve("127.0.0.1:0");
    let flood = silent_flood([127, 0, 0, 2], server);
    let (failed, attacks) = failed_checks(35, [127, 0, 0, 3], FAR_AWAY, server, flood);
    assert_eq!(failed, 0, "of 35, among {attacks} connections");
}

#[test]
fn silent_connections_from_its_own_address_do_not_evict_a_scraper() {
    let (_served, server) = serve("127.0.0.1:0");
    let flood = silent_flood([127, 0, 0, 1], server);
    let (failed, attacks) = failed_checks(35, [127, 0, 0, 1], FAR_AWAY, server, flood);
    assert_eq!(failed, 0, "of 35, among {attacks} connections");
}

#[test]
fn connections_that_come_and_go_leave_the_liveness_checks_passing() {
    let (_served, server) = serve("127.0.0.1:0");
    for source in [[127, 0, 0, 2], [127, 0, 0, 1]] {
        let churn = || drop(connect_from(source, server));
        let no_delay = Duration::ZERO;
        let (failed, attacks) = failed_checks(60, [127, 0, 0, 1], no_delay, server, churn);
        assert_eq!(failed, 0, "of 60, among {attacks} connections");
    }
}

#[test]
fn unfinished_requests_take_no_slot_of_other_clients() {
    let (_served, server) = serve("127.0.0.1:0");
    let mut held = Vec::new();
    for number in 0..300 {
        let mut stream = connect_from([127, 0, 0, 2], server).unwrap();
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: loc");
        held.push(stream);
        if number % 50 == 49 {
            // In two pieces, so that it waits in its own slot.
            let mut stream = connect_from([127, 0, 0, 3], server).unwrap();
            stream.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
            std::thread::sleep(FAR_AWAY);
            stream.write_all(b"Host: localhost\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        }
    }
}

fn status(server: SocketAddr, request: &str) -> (String, String) {
    let answer = ask([127, 0, 0, 1], server, Duration::ZERO, request).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn on_loopback_a_request_for_another_host_is_refused() {
    let (_served, server) = serve("127.0.0.1:0");
    for (request, expected) in [
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost:9300\r\n\r\n",
            "200",
        ),
        ("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "200"),
        ("GET /readyz HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", "200"),
        ("GET /livez HTTP/1.0\r\n\r\n", "200"),
        (
            "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "200",
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n",
            "421",
        ),
        (
            "GET /livez HTTP/1.1\r\nHost: localhost.rebound.example\r\n\r\n",
            "421",
        ),
        (
            "GET /nothing HTTP/1.1\r\nHost: rebound.example\r\n\r\n",
            "421",
        ),
        (
            "GET http://rebound.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "421",
        ),
        (
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n\r\n",
            "421",
        ),
        ("GET /livez HTTP/1.1\r\nHost: \r\n\r\n", "421"),
    ] {
        let (status, body) = status(server, request);
        assert_eq!(status, expected, "{request}");
        let has_reason = body.contains("Host header") && body.lines().count() == 1;
        assert_eq!(has_reason, expected == "421", "{body}");
    }
}

#[test]
fn on_every_address_the_host_is_not_checked() {
    let (_served, server) = serve("0.0.0.0:0");
    let server = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let request = "GET /livez HTTP/1.1\r\nHost: node-1.example\r\n\r\n";
    assert_eq!(status(server, request).0, "200");
}
