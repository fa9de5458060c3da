//! System calls that fail: the server survives, everything is counted, and the next text is
//! answered.
//!
//! strace(1) makes the failures, in every call of a kind in turn. It counts calls per thread, so
//! there is one worker.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::inherit::inheriting;
use crate::support::{
    Ended, Served, TEST_TIMEOUT, Totals, bullhorn, find_program, run, skipped, uninterrupted,
    wait_until, wait_until_gone,
};
use crate::support_strace::tracer;

/// Texts sent one after the other.
const TEXTS: usize = 6;

/// The first, third and so on call fails, or the second, fourth and so on.
const EVERY_SECOND: [(&str, usize); 2] = [("1+2", 0), ("2+2", 1)];

const RECEIVE_ERRORS: [&str; 8] = [
    "EINTR",
    "EAGAIN",
    "ENOMEM",
    "ENOBUFS",
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "EIO",
    "ENETDOWN",
];

/// With the cause that they are counted under.
const SEND_ERRORS: [(&str, &str); 11] = [
    ("EAGAIN", "queue_full"),
    ("ENOBUFS", "queue_full"),
    ("ENOMEM", "queue_full"),
    ("ECONNREFUSED", "peer_gone"),
    ("EHOSTUNREACH", "peer_gone"),
    ("ENETUNREACH", "peer_gone"),
    ("EPIPE", "peer_gone"),
    ("EMSGSIZE", "answer_too_large"),
    ("EPERM", "send_failed"),
    ("EINVAL", "send_failed"),
    ("EIO", "send_failed"),
];

/// strace in which `call` fails according to `fault`, as in `error=EIO:when=2`; append the program.
fn failing(call: &str, fault: &str, log: &Path) -> Option<Command> {
    tracer(
        log,
        &[&format!("trace={call}"), &format!("inject={call}:{fault}")],
    )
}

/// Whether strace can inject failures here.
fn can_inject() -> bool {
    let Some(mut command) = failing("getcwd", "error=EIO", Path::new("/dev/null")) else {
        return false;
    };
    let works = command.arg("true").output();
    let works = works.is_ok_and(|output| output.status.success());
    if !works {
        skipped("strace is not permitted to trace here");
    }
    works
}

/// A server whose `call` fails.
struct Faulty {
    served: Served,
    directory: TempDir,
}

fn faulty(call: &str, fault: &str, arguments: &[&str]) -> Faulty {
    let directory = tempfile::tempdir().unwrap();
    let mut command =
        failing(call, fault, &directory.path().join("log")).expect("strace works here");
    command.arg(bullhorn().get_program());
    command.args(["serve", "--json", "-q", "--workers", "1"]);
    command.args(arguments).stdin(Stdio::null());
    let endpoints = arguments.iter().filter(|text| text.contains(':')).count();
    Faulty {
        served: Served::start_command(&mut command, endpoints),
        directory,
    }
}

fn faults_in(log: &Path) -> usize {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    log.matches("(INJECTED)").count()
}

impl Faulty {
    fn port(&self) -> u16 {
        self.served.port(0)
    }

    /// How many calls have failed so far.
    fn faults(&self) -> usize {
        faults_in(&self.directory.path().join("log"))
    }

    fn logged(&self, what: &str) -> usize {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        log.matches(what).count()
    }

    fn stop(self) -> Totals {
        self.served.stop()
    }

    /// Where the handler's own call (sendto) may fail, a signal may have no effect.
    fn insist_on_stopping(self) -> Totals {
        let log = self.directory.path().join("log");
        self.served.insist_on_stopping(|| faults_in(&log))
    }
}

fn udp_client(port: u16) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client
}

/// Sends [`TEXTS`] texts one after the other; those for which `is_lost` holds get no answer.
fn ask(server: &Faulty, what: &str, is_lost: impl Fn(usize) -> bool) {
    let client = udp_client(server.port());
    // Some may have failed at the start.
    let mut lost = server.faults();
    for number in 0..TEXTS {
        let text = format!("text {number}");
        client.send(text.as_bytes()).unwrap();
        if is_lost(number) {
            lost += 1;
            // Otherwise the next text could be in the same batch.
            wait_until("the answer was not sent", || server.faults() >= lost);
        } else {
            let mut buffer = [0; 64];
            let length = uninterrupted(|| client.recv(&mut buffer)).expect(what);
            assert_eq!(&buffer[..length], text.to_uppercase().as_bytes(), "{what}");
        }
    }
}

fn receiving_survives(call: &str, errors: &[&str], options: &[&str]) {
    if !can_inject() {
        return;
    }
    for error in errors {
        for (when, _) in EVERY_SECOND {
            let fault = format!("error={error}:when={when}");
            let server = faulty(call, &fault, &[&["udp://127.0.0.1:0"], options].concat());
            ask(&server, &fault, |_| false);
            let all = TEXTS as u64;
            server.stop().assert_datagrams(all, all, 0);
        }
    }
}

#[test]
fn recvmmsg_may_fail_at_every_call() {
    receiving_survives("recvmmsg", &RECEIVE_ERRORS, &["--backend", "batched"]);
}

#[test]
fn recvmsg_may_fail_at_every_call() {
    receiving_survives("recvmsg", &RECEIVE_ERRORS, &["--backend", "plain"]);
}

/// A worker whose poll found nothing polls for a single datagram next.
#[test]
fn recvmsg_of_a_spinning_server_may_fail_at_every_call() {
    let options = ["--backend", "batched", "--spin", "1ms"];
    receiving_survives("recvmsg", &RECEIVE_ERRORS, &options);
}

#[test]
fn polling_may_fail_at_every_call() {
    if !can_inject() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for error in ["EINTR", "ENOMEM", "EAGAIN"] {
        for (when, first) in EVERY_SECOND {
            let fault = format!("error={error}:when={when}");
            let path = directory.path().join(format!("{error}{when}"));
            // A Unix socket's worker polls.
            let endpoint = format!("unixgram:{}", path.display());
            let server = faulty("ppoll", &fault, &[&endpoint]);
            let client = UnixDatagram::bind(directory.path().join("client")).unwrap();
            client.connect(&path).unwrap();
            client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
            for number in 0..TEXTS {
                // Every second call fails. Without this wait the text could arrive before the
                // worker waits for it.
                wait_until("the worker waits", || {
                    server.logged("ppoll(") + first > 2 * number + 1
                });
                client.send(b"text").unwrap();
                let mut buffer = [0; 8];
                assert_eq!(uninterrupted(|| client.recv(&mut buffer)).expect(&fault), 4);
            }
            std::fs::remove_file(directory.path().join("client")).unwrap();
            let all = TEXTS as u64;
            server.stop().assert_datagrams(all, all, 0);
        }
    }
}

fn sending_is_accounted_for(call: &str, backend: &str) {
    if !can_inject() {
        return;
    }
    for (error, cause) in SEND_ERRORS {
        for (when, first) in EVERY_SECOND {
            let fault = format!("error={error}:when={when}");
            let server = faulty(call, &fault, &["udp://127.0.0.1:0", "--backend", backend]);
            ask(&server, &fault, |number| number % 2 == first);
            half_dropped(&server.insist_on_stopping(), cause, &fault);
        }
    }
}

fn half_dropped(totals: &Totals, cause: &str, what: &str) {
    let (all, half) = (TEXTS as u64, TEXTS as u64 / 2);
    totals.assert_datagrams(all, half, half);
    let dropped = &totals.summary["endpoints"][0]["dropped_by"][cause];
    assert_eq!(dropped, &half, "{what} {totals:?}");
}

#[test]
fn sendto_may_fail_at_every_call() {
    sending_is_accounted_for("sendto", "batched");
}

#[test]
fn sendmsg_may_fail_at_every_call() {
    sending_is_accounted_for("sendmsg", "plain");
}

#[test]
fn an_interrupted_send_is_sent_again() {
    if !can_inject() {
        return;
    }
    for (call, backend) in [("sendto", "batched"), ("sendmsg", "plain")] {
        let arguments = ["udp://127.0.0.1:0", "--backend", backend];
        let server = faulty(call, "error=EINTR:when=1+2", &arguments);
        ask(&server, call, |_| false);
        let all = TEXTS as u64;
        let totals = server.insist_on_stopping();
        totals.assert_datagrams(all, all, 0);
    }
}

/// Starts a server whose first `sendmmsg` fails, with a batch of texts from several peers waiting
/// for it. Only the first answer may be lost, and only if `is_lost`.
fn assert_first_of_batch(fault: &str, is_lost: bool) -> Totals {
    const PEERS: usize = 4;
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let clients: [UdpSocket; PEERS] =
        std::array::from_fn(|_| udp_client(held.local_addr().unwrap().port()));
    for client in &clients {
        client.send(b"text").unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut tracer =
        failing("sendmmsg", &format!("{fault}:when=1"), &log).expect("strace works here");
    tracer.arg(bullhorn().get_program());
    tracer.args(["serve", "--json", "-q", "--workers", "1", "fd:3"]);
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null"]);
    command.arg(tracer.get_program()).args(tracer.get_args());
    command.stdin(OwnedFd::from(held));
    let served = Served::start_command(&mut command, 1);
    for client in &clients[usize::from(is_lost)..] {
        let mut buffer = [0; 8];
        let length = uninterrupted(|| client.recv(&mut buffer)).expect(fault);
        assert_eq!(&buffer[..length], b"TEXT", "{fault}");
    }
    let totals = served.stop();
    let (all, lost) = (PEERS as u64, u64::from(is_lost));
    totals.assert_datagrams(all, all - lost, lost);
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("(INJECTED)").count(), 1, "{log}");
    totals
}

#[test]
fn sendmmsg_may_fail_at_the_first_answer_of_a_batch() {
    if !can_inject() {
        return;
    }
    for (error, cause) in SEND_ERRORS {
        let totals = assert_first_of_batch(&format!("error={error}"), true);
        let dropped = &totals.summary["endpoints"][0]["dropped_by"][cause];
        assert_eq!(dropped, &1, "{error} {totals:?}");
    }
    assert_first_of_batch("error=EINTR", false);
}

#[test]
fn a_send_that_sends_nothing_without_an_error_is_counted() {
    if !can_inject() {
        return;
    }
    let totals = assert_first_of_batch("retval=0", true);
    let dropped = &totals.summary["endpoints"][0]["dropped_by"]["send_failed"];
    assert_eq!(dropped, &1, "{totals:?}");
}

#[test]
fn a_server_that_can_receive_nothing_can_still_be_stopped() {
    if !can_inject() {
        return;
    }
    let server = faulty("recvmmsg", "error=ENOMEM", &["udp://127.0.0.1:0"]);
    udp_client(server.port()).send(b"text").unwrap();
    server.stop().assert_datagrams(0, 0, 0);
}

/// One batch with answers to clients that are gone between answers to clients that are not.
#[test]
fn a_peer_that_is_gone_costs_no_other_answer() {
    const CLIENTS: usize = 9;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    for backend in ["batched", "plain"] {
        let served = Served::start(&[
            &format!("unixgram:{}", path.display()),
            "--backend",
            backend,
        ]);
        let clients: Vec<UnixDatagram> = (0..CLIENTS)
            .map(|number| {
                let client = directory.path().join(format!("{backend}{number}"));
                let client = UnixDatagram::bind(client).unwrap();
                client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
                client
            })
            .collect();
        served.process.signal("STOP");
        for (number, client) in clients.iter().enumerate() {
            client
                .send_to(format!("text {number}").as_bytes(), &path)
                .unwrap();
        }
        let is_gone = |number: usize| number.is_multiple_of(3);
        let addresses: Vec<_> = clients.iter().map(|it| it.local_addr().unwrap()).collect();
        let staying: Vec<_> = clients
            .into_iter()
            .enumerate()
            .filter(|(number, _)| !is_gone(*number))
            .collect();
        for address in addresses.iter().step_by(3) {
            wait_until_gone(address);
        }
        served.process.signal("CONT");
        for (number, client) in &staying {
            let mut buffer = [0; 16];
            let length = uninterrupted(|| client.recv(&mut buffer)).expect("no answer");
            assert_eq!(&buffer[..length], format!("TEXT {number}").as_bytes());
        }
        let totals = served.stop();
        totals.assert_datagrams(CLIENTS as u64, staying.len() as u64, 3);
        assert_eq!(totals.summary["endpoints"][0]["dropped_by"]["peer_gone"], 3);
    }
}

/// One text over a new connection; returns what came back before its end.
fn over_stream(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let mut answer = String::new();
    // A connection that the server drops may be reset at any of these calls.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn accepting_may_fail_at_every_call() {
    if !can_inject() {
        return;
    }
    for error in [
        "ECONNABORTED",
        "EINTR",
        "EPROTO",
        "EPERM",
        "ENETDOWN",
        "EHOSTUNREACH",
        "EMFILE",
        "ENFILE",
        "ENOBUFS",
        "ENOMEM",
    ] {
        let fault = format!("error={error}:when=1+2");
        let server = faulty("accept4", &fault, &["tcp://127.0.0.1:0"]);
        for number in 0..3 {
            let text = format!("text {number}");
            let answer = over_stream(server.port(), &text);
            assert_eq!(answer, text.to_uppercase(), "{fault}");
        }
        let totals = server.stop();
        assert_eq!(totals.code, Some(0), "{fault}");
        let finished = &totals.summary["endpoints"][0]["finished"];
        assert_eq!(finished, 3, "{fault} {totals:?}");
    }
}

#[test]
fn an_interrupted_call_ends_no_connection() {
    if !can_inject() {
        return;
    }
    for call in ["recvfrom", "sendto", "epoll_wait"] {
        for (when, _) in EVERY_SECOND {
            let fault = format!("error=EINTR:when={when}");
            let server = faulty(call, &fault, &["tcp://127.0.0.1:0"]);
            for number in 0..TEXTS {
                let text = format!("text {number}");
                let answer = over_stream(server.port(), &text);
                assert_eq!(answer, text.to_uppercase(), "{call} {fault}");
            }
            // The runtime reads its signals with recvfrom, and relies on it not to fail.
            if call != "recvfrom" {
                assert_eq!(server.insist_on_stopping().code, Some(0));
            }
        }
    }
}

#[test]
fn a_connection_that_fails_is_counted_under_its_cause_and_the_others_are_served() {
    if !can_inject() {
        return;
    }
    for (call, error, cause) in [
        ("recvfrom", "ECONNRESET", None),
        ("recvfrom", "ENOMEM", None),
        ("sendto", "ECONNRESET", Some("peer_reset")),
        ("sendto", "EPIPE", Some("peer_reset")),
        ("sendto", "ENOMEM", Some("socket_failed")),
        ("sendto", "ENOBUFS", Some("socket_failed")),
        ("sendto", "EIO", Some("socket_failed")),
    ] {
        // The first call of each thread.
        let server = faulty(
            call,
            &format!("error={error}:when=1"),
            &["tcp://127.0.0.1:0"],
        );
        let (mut failed, mut answered) = (0, 0);
        wait_until("connections are served after the failure", || {
            match over_stream(server.port(), "text").as_str() {
                "TEXT" => answered += 1,
                _ => failed += 1,
            }
            answered >= 10 && failed > 0
        });
        let Some(cause) = cause else {
            continue;
        };
        let totals = server.insist_on_stopping();
        let endpoint = &totals.summary["endpoints"][0];
        assert_eq!(totals.code, Some(0), "{call} {error}");
        assert_eq!(endpoint["finished"], answered, "{error} {totals:?}");
        assert_eq!(endpoint["dropped_by"][cause], failed, "{error} {totals:?}");
        assert_eq!(endpoint["dropped"], failed);
    }
}

#[test]
fn a_call_that_fails_at_the_start_is_optional_or_reported_in_one_line() {
    if !can_inject() {
        return;
    }
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", holder.local_addr().unwrap());
    let nowhere = Path::new("/dev/null");
    let mut refused = 0;
    for (call, error) in [
        ("socket", "ENOBUFS"),
        ("bind", "ENOBUFS"),
        ("setsockopt", "ENOMEM"),
        ("getsockopt", "ENOBUFS"),
        ("getsockname", "ENOBUFS"),
        ("listen", "EADDRINUSE"),
        ("fcntl", "EMFILE"),
    ] {
        for number in 1..=3 {
            let mut command =
                failing(call, &format!("error={error}:when={number}"), nowhere).unwrap();
            command.arg(bullhorn().get_program());
            // The last endpoint cannot be bound, so that no server keeps running.
            command.args(["serve", "udp://127.0.0.1:0", "--workers", "2", &taken]);
            let Ended { code, stderr, .. } = run(&mut command, b"");
            let lines = stderr
                .lines()
                .filter(|line| !line.contains("warning"))
                .count();
            assert_eq!((code, lines), (7, 1), "{call} {number}: {stderr}");
            refused += usize::from(!stderr.contains("in use"));
        }
    }
    // Otherwise nothing was injected.
    assert!(refused > 5, "{refused}");
}

/// The server is stopped, flooded until its buffer overflows, and continued: every datagram is
/// accounted for.
fn flood_adds_up(served: Served) {
    const FLOOD: u64 = 3000;
    const TOO_LARGE: u64 = 3;
    served.process.signal("STOP");
    let client = udp_client(served.port(0));
    for _ in 0..TOO_LARGE {
        // Its capitals are longer by half, more than fits into a datagram.
        client.send("ŉ".repeat(25_000).as_bytes()).unwrap();
    }
    for number in TOO_LARGE..FLOOD {
        client
            .send(format!("{number} {}", "x".repeat(1000)).as_bytes())
            .unwrap();
    }
    served.process.signal("CONT");
    let totals = served.stop();
    let count = |name: &str| totals.summary[name].as_u64().unwrap();
    assert_eq!(totals.code, Some(0));
    assert!(count("kernel_dropped") > 0, "{totals:?}");
    assert_eq!(
        count("received") + count("kernel_dropped"),
        FLOOD,
        "{totals:?}"
    );
    assert_eq!(
        count("received"),
        count("answered") + count("dropped"),
        "{totals:?}"
    );
    let dropped_by = &totals.summary["endpoints"][0]["dropped_by"];
    assert_eq!(dropped_by["answer_too_large"], TOO_LARGE, "{totals:?}");
}

#[test]
fn a_flood_of_a_stopped_server_adds_up() {
    for options in [
        ["--workers", "1"],
        ["--workers", "2"],
        ["--backend", "plain"],
    ] {
        let mut arguments = vec!["udp://127.0.0.1:0", "--receive-buffer", "300000"];
        arguments.extend(options);
        flood_adds_up(Served::start(&arguments));
    }
}

#[test]
fn a_flood_of_a_stopped_server_adds_up_on_an_inherited_socket() {
    for workers in ["1", "3"] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let arguments = ["serve", "--json", "fd:3", "--receive-buffer", "300000"];
        let mut command = inheriting("", socket, &arguments);
        command.args(["--workers", workers]);
        flood_adds_up(Served::start_command(&mut command, 1));
    }
}

#[test]
fn a_unix_sender_waits_for_a_stopped_server_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server");
    let served = Served::start(&[&format!("unixgram:{}", path.display())]);
    // One client fills the server's queue, and another one waits for room in it: an answer that
    // finds its client's own queue full would be dropped.
    let [first, second] = ["first", "second"].map(|name| {
        let client = UnixDatagram::bind(directory.path().join(name)).unwrap();
        client.connect(&path).unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        client
    });
    served.process.signal("STOP");
    first.set_nonblocking(true).unwrap();
    let mut sent = 0;
    while first.send(format!("text {sent}").as_bytes()).is_ok() {
        sent += 1;
    }
    assert!(sent > 0);
    first.set_nonblocking(false).unwrap();
    let waiting = second.try_clone().unwrap();
    let waiting = std::thread::spawn(move || waiting.send(b"the last text").unwrap());
    served.process.signal("CONT");
    let answer = |client: &UnixDatagram| {
        let mut buffer = [0; 32];
        let length = uninterrupted(|| client.recv(&mut buffer)).expect("no answer");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    for number in 0..sent {
        assert_eq!(answer(&first), format!("TEXT {number}"));
    }
    assert_eq!(answer(&second), "THE LAST TEXT");
    waiting.join().unwrap();
    let totals = served.stop();
    totals.assert_datagrams(sent + 1, sent + 1, 0);
    assert_eq!(totals.summary["kernel_dropped"], 0);
}

/// With IP_RECVERR, the kernel reports that one client is gone as the error of the next call,
/// whichever that is.
#[test]
fn a_client_that_is_gone_does_not_cost_the_next_its_answer() {
    for backend in ["batched", "plain"] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        if !set_recverr(&socket) {
            return;
        }
        let arguments = ["serve", "--json", "fd:3", "--backend", backend];
        let mut command = inheriting("", socket, &arguments);
        let served = Served::start_command(&mut command, 1);
        let client = udp_client(address.port());
        let mut rounds = 0;
        while rounds < 20 {
            served.process.signal("STOP");
            for _ in 0..5 {
                // This client is gone before it is answered; the answer causes "port unreachable".
                udp_client(address.port()).send(b"gone").unwrap();
                client.send(b"here").unwrap();
            }
            served.process.signal("CONT");
            for _ in 0..5 {
                let mut buffer = [0; 8];
                assert_eq!(
                    uninterrupted(|| client.recv(&mut buffer)).expect("no answer"),
                    4
                );
            }
            rounds += 1;
        }
        served.stop().assert_datagrams(200, 200, 0);
    }
}

/// Done in a separate program, as it needs a call that none of our safe libraries has.
fn set_recverr(socket: &UdpSocket) -> bool {
    let Some(python) = find_program("python3") else {
        return false;
    };
    let script = "import socket; socket.socket(fileno=0).setsockopt(socket.IPPROTO_IP, 11, 1)";
    let mut command = Command::new(python);
    let socket = OwnedFd::from(socket.try_clone().unwrap());
    command.args(["-c", script]).stdin(Stdio::from(socket));
    assert!(command.status().unwrap().success());
    true
}

#[test]
fn a_thread_that_cannot_be_started_is_reported_in_one_line() {
    if !can_inject() {
        return;
    }
    for number in 1..=2 {
        let fault = format!("error=EAGAIN:when={number}");
        let mut command = failing("clone3", &fault, Path::new("/dev/null")).unwrap();
        command.arg(bullhorn().get_program());
        command.args(["serve", "-q", "udp://127.0.0.1:0", "--workers", "2"]);
        let Ended { code, stderr, .. } = run(&mut command, b"");
        assert_eq!((code, stderr.lines().count()), (7, 1), "{stderr}");
        assert!(stderr.contains("start a worker"), "{stderr}");
    }
}
