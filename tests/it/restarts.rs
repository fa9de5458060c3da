//! Restarts: what was received is answered, and a socket that another process holds loses nothing.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::inherit::inheriting;
use crate::support::{
    Served, TEST_TIMEOUT, clean, find_program, run_bullhorn, skipped, uninterrupted, wait_until,
};
use crate::support_strace::tampered_bullhorn;

/// The number of successive servers on one socket.
const RESTARTS: usize = 100;

/// The most texts in flight at once: far fewer than any socket's buffer holds, so that a missing
/// one was lost by a server.
const WINDOW: u64 = 100;

/// A connected datagram socket of either family.
trait Client: Send + Sized + 'static {
    fn copy(&self) -> Self;
    fn send(&self, text: &[u8]);
    /// `None` when nothing comes within the socket's timeout.
    fn receive(&self) -> Option<Vec<u8>>;
}

macro_rules! client {
    ($socket:ty) => {
        impl Client for $socket {
            fn copy(&self) -> Self {
                self.try_clone().unwrap()
            }

            fn send(&self, text: &[u8]) {
                assert_eq!(<$socket>::send(self, text).unwrap(), text.len());
            }

            fn receive(&self) -> Option<Vec<u8>> {
                let mut buffer = [0; 64];
                let length = uninterrupted(|| self.recv(&mut buffer)).ok()?;
                Some(buffer[..length].to_vec())
            }
        }
    };
}

client!(UdpSocket);
client!(UnixDatagram);

/// Sends numbered texts continuously, and counts how often each was answered.
struct Load {
    sent: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    sender: JoinHandle<()>,
    /// Gives the numbers answered, once each.
    receiver: JoinHandle<HashSet<u64>>,
}

impl Load {
    fn start(client: &impl Client) -> Self {
        let (sent, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let sender = {
            let (client, sent, answered, stop) =
                (client.copy(), sent.clone(), answered.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    if number - answered.load(Ordering::Acquire) >= WINDOW {
                        std::thread::yield_now();
                        continue;
                    }
                    sent.store(number + 1, Ordering::Release);
                    client.send(format!("text {number}").as_bytes());
                    number += 1;
                }
            })
        };
        let receiver = {
            let (client, sent, answered, stop) =
                (client.copy(), sent.clone(), answered.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut numbers = HashSet::new();
                let mut last = Instant::now();
                // A copy of an answer may come after all answers.
                let is_done = |count: usize| {
                    stop.load(Ordering::Relaxed) && count as u64 == sent.load(Ordering::Acquire)
                };
                loop {
                    let Some(answer) = client.receive() else {
                        if is_done(numbers.len()) {
                            return numbers;
                        }
                        let missing = sent.load(Ordering::Acquire) - numbers.len() as u64;
                        assert!(
                            last.elapsed() < TEST_TIMEOUT / 2,
                            "{missing} texts have no answer"
                        );
                        continue;
                    };
                    last = Instant::now();
                    let answer = String::from_utf8(answer).unwrap();
                    let number = answer.strip_prefix("TEXT ").expect("a wrong answer");
                    let number = number.parse().expect("a wrong answer");
                    assert!(numbers.insert(number), "{answer} came twice");
                    answered.fetch_add(1, Ordering::Release);
                }
            })
        };
        Self {
            sent,
            answered,
            stop,
            sender,
            receiver,
        }
    }

    fn wait_for_answers(&self, more: u64) {
        let enough = self.answered.load(Ordering::Acquire) + more;
        wait_until("texts are answered", || {
            assert!(!self.receiver.is_finished(), "a text was lost");
            self.answered.load(Ordering::Acquire) >= enough
        });
    }

    /// How many texts were sent, each of which was answered once.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.sender.join().unwrap();
        let numbers = self.receiver.join().unwrap();
        let sent = self.sent.load(Ordering::Acquire);
        assert!((0..sent).all(|number| numbers.contains(&number)));
        assert_eq!(numbers.len() as u64, sent);
        sent
    }
}

/// A server on `held`, either as `fd:3` or in systemd's manner.
fn successor(held: OwnedFd, number: usize) -> Served {
    let workers = ["1", "2", "3"][number % 3];
    let backend = ["batched", "plain"][number / 2 % 2];
    let mut command = if number.is_multiple_of(2) {
        inheriting("", held, &["serve", "--json", "fd:3"])
    } else {
        let announced = "export LISTEN_PID=$$ LISTEN_FDS=1;";
        inheriting(announced, held, &["serve", "--json"])
    };
    command.args(["--workers", workers, "--backend", backend]);
    Served::start_command(&mut command, 1)
}

fn restarts_lose_nothing(held: &dyn Fn() -> OwnedFd, client: &impl Client) {
    let begin = Instant::now();
    let load = Load::start(client);
    let mut totals = Vec::new();
    let mut server = successor(held(), 0);
    for number in 1..RESTARTS {
        load.wait_for_answers(WINDOW);
        let last;
        if number.is_multiple_of(2) {
            // The next one starts while this one stops.
            let next = successor(held(), number);
            last = std::mem::replace(&mut server, next).stop();
        } else {
            // The socket is not read for a while.
            last = server.stop();
            server = successor(held(), number);
        }
        totals.push(last);
    }
    load.wait_for_answers(WINDOW);
    let sent = load.end();
    totals.push(server.stop());
    let sum = |name: &str| -> u64 {
        let counts = totals
            .iter()
            .map(|totals| totals.summary[name].as_u64().unwrap());
        counts.sum()
    };
    assert_eq!(totals.len(), RESTARTS);
    assert!(totals.iter().all(|totals| totals.code == Some(0)));
    assert_eq!((sum("received"), sum("answered")), (sent, sent));
    assert_eq!((sum("dropped"), sum("kernel_dropped")), (0, 0));
    eprintln!("{sent} texts, {RESTARTS} servers, {:?}", begin.elapsed());
}

#[test]
fn a_hundred_restarts_under_load_lose_nothing_over_udp() {
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(held.local_addr().unwrap()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    restarts_lose_nothing(&|| held.try_clone().unwrap().into(), &client);
}

/// A Unix socket whose holder makes the kernel record the sender (PassCredentials=yes in
/// systemd.socket(5)), so that what arrives before the first server starts can be answered too.
fn held_socket(path: &std::path::Path) -> UnixDatagram {
    let held = UnixDatagram::bind(path).unwrap();
    socket2::SockRef::from(&held).set_passcred(true).unwrap();
    held
}

#[test]
fn a_hundred_restarts_under_load_lose_nothing_over_unix_datagrams() {
    let directory = tempfile::tempdir().unwrap();
    let held = held_socket(&directory.path().join("held"));
    let client = UnixDatagram::bind(directory.path().join("client")).unwrap();
    // Connected, so that the length of its queue does not limit the answers.
    client.connect(directory.path().join("held")).unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    restarts_lose_nothing(&|| held.try_clone().unwrap().into(), &client);
}

/// Fewer where the kernel gives large buffers only to privileged programs.
fn queue_length() -> usize {
    let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    // A small datagram takes 768 bytes of twice the limit.
    if limit >= 1 << 20 { 1000 } else { limit / 1000 }
}

#[test]
fn datagrams_received_before_the_signal_are_answered() {
    const CLIENTS: usize = 10;
    for options in [
        ["--workers", "1"],
        ["--workers", "2"],
        ["--backend", "plain"],
    ] {
        let mut arguments = vec!["udp://127.0.0.1:0"];
        arguments.extend(options);
        let served = Served::start(&arguments);
        let clients: Vec<UdpSocket> = (0..CLIENTS)
            .map(|_| {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                client.connect(("127.0.0.1", served.port(0))).unwrap();
                client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
                client
            })
            .collect();
        served.process.signal("STOP");
        let each = queue_length() / CLIENTS;
        for number in 0..each {
            for client in &clients {
                client.send(format!("text {number}").as_bytes()).unwrap();
            }
        }
        served.process.signal("TERM");
        served.process.signal("CONT");
        for client in &clients {
            for number in 0..each {
                let answer = client.receive().expect("no answer");
                assert_eq!(answer, format!("TEXT {number}").as_bytes());
            }
        }
        let all = (each * CLIENTS) as u64;
        served.ended().assert_datagrams(all, all, 0);
    }
}

#[test]
fn connections_that_the_kernel_accepted_before_the_signal_are_answered() {
    const CLIENTS: u64 = 50;
    for (scheme, directory) in [("tcp", None), ("unix", Some(tempfile::tempdir().unwrap()))] {
        let endpoint = match &directory {
            Some(directory) => format!("unix:{}/server", directory.path().display()),
            None => "tcp://127.0.0.1:0".to_owned(),
        };
        let served = Served::start(&[&endpoint]);
        served.process.signal("STOP");
        let clients: Vec<Box<dyn ReadWrite>> = (0..CLIENTS)
            .map(|number| {
                let mut client: Box<dyn ReadWrite> = match &directory {
                    Some(directory) => unix_stream(&directory.path().join("server")),
                    None => tcp_stream(served.port(0)),
                };
                client
                    .write_all(format!("text {number}").as_bytes())
                    .unwrap();
                client
            })
            .collect();
        served.process.signal("TERM");
        served.process.signal("CONT");
        for (number, mut client) in clients.into_iter().enumerate() {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, format!("TEXT {number}"), "{scheme}");
        }
        let totals = served.ended();
        assert_eq!(totals.code, Some(0));
        assert_eq!(
            totals.summary["endpoints"][0]["finished"], CLIENTS,
            "{totals:?}"
        );
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

fn tcp_stream(port: u16) -> Box<dyn ReadWrite> {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    Box::new(stream)
}

fn unix_stream(path: &Path) -> Box<dyn ReadWrite> {
    let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    Box::new(stream)
}

/// A signal before the handler is installed would end the process, and lose what a worker has
/// received by then.
#[test]
fn a_signal_at_the_very_start_drains_too() {
    // The handling of signals starts late, and so does the answer.
    let Some(slow) = tampered_bullhorn(&[
        "trace=sendto,epoll_create1",
        "inject=sendto,epoll_create1:delay_enter=500ms",
    ]) else {
        return;
    };
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(held.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.send(b"text").unwrap();
    let mut command = clean(Command::new("sh"));
    command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null"]);
    command.arg(slow.get_program()).args(slow.get_args());
    command.args(["serve", "--json", "fd:3"]);
    command.stdin(Stdio::from(OwnedFd::from(held.try_clone().unwrap())));
    let served = Served::start_command(&mut command, 0);
    wait_until("the text is received", || {
        // The datagram is gone from the queue.
        held.set_nonblocking(true).unwrap();
        held.peek(&mut [0; 8]).is_err()
    });
    served.process.signal("TERM");
    assert_eq!(client.receive().expect("no answer"), b"TEXT");
}

#[test]
#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn workers_share_an_inherited_socket() {
    const TEXTS: u64 = 3000;
    let Some(strace) = find_program("strace") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = held_socket(&directory.path().join("held"));
    let udp_client = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp_client.connect(udp.local_addr().unwrap()).unwrap();
    let unix_client = UnixDatagram::bind(directory.path().join("client")).unwrap();
    unix_client.connect(directory.path().join("held")).unwrap();
    udp_client
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    unix_client
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    for family in ["udp", "unixgram"] {
        let held: OwnedFd = match family {
            "udp" => udp.try_clone().unwrap().into(),
            _ => unix.try_clone().unwrap().into(),
        };
        let mut command = inheriting("", held, &["serve", "--json", "fd:3", "--workers", "4"]);
        let served = Served::start_command(&mut command, 1);
        let id = served.process.child.id().to_string();
        let threads = || {
            let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
            let names =
                tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
            names
                .filter(|name| name.as_ref().is_ok_and(|name| name == "datagrams\n"))
                .count()
        };
        wait_until("four threads have their names", || threads() == 4);
        let mut tracer = Command::new(&strace);
        tracer
            .args(["-f", "-qq", "-e", "trace=sendto,sendmmsg", "-p", &id, "-o"])
            .arg(&log);
        let tracer = tracer.stderr(Stdio::null()).spawn();
        let mut tracer = crate::support::Running {
            child: tracer.unwrap(),
        };
        let status = format!("/proc/{id}/status");
        wait_until("the server is traced", || {
            let ended = tracer.child.try_wait().unwrap().is_some();
            let status = std::fs::read_to_string(&status).unwrap();
            ended || !status.contains("TracerPid:\t0\n")
        });
        if tracer.child.try_wait().unwrap().is_some() {
            return skipped("strace may not trace here");
        }
        let who_answered = || -> HashSet<String> {
            let log = std::fs::read_to_string(&log).unwrap();
            let ids = log
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            ids.map(str::to_owned).collect()
        };
        let load = match family {
            "udp" => Load::start(&udp_client),
            _ => Load::start(&unix_client),
        };
        load.wait_for_answers(TEXTS);
        wait_until("several threads answer", || who_answered().len() > 1);
        let sent = load.end();
        // The server drains and ends even though it is traced.
        let totals = served.stop();
        totals.assert_datagrams(sent, sent, 0);
        tracer.wait();
    }
}

/// With joined datagrams (UDP_GRO) left behind by an earlier server.
#[test]
fn a_plain_server_takes_over_from_a_batched_one() {
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = |backend| {
        let held = held.try_clone().unwrap();
        let arguments = ["serve", "--json", "fd:3", "--backend", backend];
        Served::start_command(&mut inheriting("", held, &arguments), 1)
    };
    let endpoint = format!("udp://{}", held.local_addr().unwrap());
    server("batched").stop().assert_datagrams(0, 0, 0);
    let plain = server("plain");
    let ended = run_bullhorn([
        "bench", &endpoint, "--json", "--flows", "4", "--window", "32", "--count", "20000",
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary = ended.summary();
    assert_eq!(summary["corrupt"], 0, "{summary}");
    let totals = plain.stop();
    assert_eq!(totals.summary["received"], totals.summary["answered"]);
    assert!(
        totals.summary["received"].as_u64().unwrap() >= 20_000,
        "{totals:?}"
    );
}

/// The kernel did not record its destination, because that option was not set yet.
#[test]
fn a_datagram_from_before_the_first_server_is_answered_from_the_address_that_it_was_sent_to() {
    let held = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Connected, so that it receives answers from this address only.
    client.connect(("127.0.0.2", port)).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.send(b"early").unwrap();
    let served = Served::start_command(&mut inheriting("", held, &["serve", "--json", "fd:3"]), 1);
    assert_eq!(client.receive().expect("no answer"), b"EARLY");
    served.stop().assert_datagrams(1, 1, 0);
}
