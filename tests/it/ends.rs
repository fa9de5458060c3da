//! Every client verb ends within a second of SIGINT, SIGTERM or SIGHUP, in every wait, with its
//! summary and its own exit code. No connection attempt, name resolution or prompt outlasts its
//! deadline, nor does the resolution of a name that `serve` binds.
//!
//! Each state has a real peer that keeps the verb in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::prompt::Terminal;
use crate::support::{
    Running, Served, bullhorn, clean, find_program, own, program, skipped, wait_until,
};
use crate::support_netns::in_own_network;

pub const SIGNALS: [(&str, u32); 3] = [("INT", 2), ("TERM", 15), ("HUP", 1)];

/// A second, and one more for a busy machine.
const BOUND: Duration = Duration::from_secs(2);

/// How a program ended, and how long after the signal.
#[derive(Debug)]
struct End {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    took: Duration,
}

impl End {
    fn summary(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        let summary: Value = serde_json::from_str(line).unwrap_or_default();
        assert_eq!(summary["event"], "summary", "{self:?}");
        summary
    }
}

/// A program whose output is read while it runs.
struct Watched {
    process: Running,
    outputs: Vec<JoinHandle<String>>,
}

impl Watched {
    /// Its standard input stays open when it is piped.
    fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Running::start(command);
        let stdout: Box<dyn Read + Send> = Box::new(process.child.stdout.take().unwrap());
        let stderr: Box<dyn Read + Send> = Box::new(process.child.stderr.take().unwrap());
        let outputs = [stdout, stderr].map(|mut output| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = output.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        Self {
            process,
            outputs: outputs.into(),
        }
    }

    fn pid(&self) -> u32 {
        self.process.child.id()
    }

    fn ended(mut self, since: Instant) -> End {
        let code = self.process.wait().code();
        let took = since.elapsed();
        let stderr = self.outputs.pop().unwrap().join().unwrap();
        let stdout = self.outputs.pop().unwrap().join().unwrap();
        End {
            code,
            stdout,
            stderr,
            took,
        }
    }

    fn end_by(self, signal: &str) -> End {
        let since = Instant::now();
        self.process.signal(signal);
        self.ended(since)
    }
}

fn status(pid: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim_start_matches(':').trim().to_owned())
}

fn has_signal(pid: u32, field: &str, number: u32) -> bool {
    let mask = status(pid, field).and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

/// Whether it catches the signal, and its first thread sleeps.
pub fn is_waiting(pid: u32, number: u32) -> bool {
    let is_asleep = || status(pid, "State").is_some_and(|state| state.starts_with('S'));
    has_signal(pid, "SigCgt", number) && is_asleep()
}

/// Tests may run with SIGHUP ignored (nohup), which child processes inherit.
pub fn can_be_sent(name: &str, number: u32) -> bool {
    let is_ignored = has_signal(std::process::id(), "SigIgn", number);
    if is_ignored {
        skipped(&format!("SIG{name} is ignored here"));
    }
    !is_ignored
}

/// Ends the verb by each signal once `is_there` reports that it has reached the state to test.
fn by_each_signal(
    mut command: impl FnMut() -> Command,
    mut is_there: impl FnMut(u32) -> bool,
    check: impl Fn(&End),
) {
    for (name, number) in SIGNALS {
        if !can_be_sent(name, number) {
            continue;
        }
        let mut command = command();
        let watched = Watched::start(&mut command);
        let pid = watched.pid();
        // `is_there` may hold only once, for example for a datagram that is then received.
        let mut was_there = false;
        wait_until(&format!("{command:?} to wait"), || {
            was_there = was_there || is_there(pid);
            was_there && is_waiting(pid, number)
        });
        let end = watched.end_by(name);
        assert!(end.took < BOUND, "SIG{name}, {command:?}: {end:?}");
        check(&end);
    }
}

fn verb(arguments: &[&str]) -> Command {
    let mut command = bullhorn();
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A Unix stream listener whose backlog is full, and what fills it.
fn full_unix_backlog(name: &str) -> (String, Vec<Socket>) {
    let name = own(name);
    let address = SockAddr::unix(format!("\0{name}")).unwrap();
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    let mut sockets = vec![listener];
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        match socket.connect(&address) {
            Ok(()) => sockets.push(socket),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                return (format!("unix:@{name}"), sockets);
            }
        }
    }
}

/// A TCP listener whose backlog is full, so that the kernel drops each SYN, and what fills it.
fn full_tcp_backlog() -> (String, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut sockets = vec![listener];
    loop {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let is_full = socket
            .connect_timeout(&address, Duration::from_millis(200))
            .is_err();
        sockets.push(socket);
        if is_full {
            let address = address.as_socket().unwrap();
            return (format!("tcp://{address}"), sockets);
        }
    }
}

#[test]
fn a_signal_ends_a_connection_that_is_not_accepted() {
    let (unix, _unix) = full_unix_backlog("bullhorn-test-signal-backlog");
    let (tcp, _tcp) = full_tcp_backlog();
    for endpoint in [unix.as_str(), &tcp] {
        let send = ["send", "--json", "--timeout", "1h", endpoint, "text"];
        let bench = ["bench", "--json", "--timeout", "1h", endpoint];
        for arguments in [&send[..], &bench[..]] {
            by_each_signal(
                || verb(arguments),
                |_| true,
                |end| {
                    assert_eq!(end.code, Some(5), "{end:?}");
                    assert!(end.stderr.contains("stopped before"), "{end:?}");
                },
            );
        }
        let ping = ["ping", "--json", "-W", "1h", endpoint];
        by_each_signal(
            || verb(&ping),
            |_| true,
            |end| {
                assert_eq!(end.code, Some(5), "{end:?}");
                assert_eq!(end.summary()["ok"], 0);
            },
        );
    }
}

#[test]
fn a_connection_that_is_not_accepted_ends_with_its_timeout() {
    let (unix, _unix) = full_unix_backlog("bullhorn-test-timeout-backlog");
    let (tcp, _tcp) = full_tcp_backlog();
    for endpoint in [unix.as_str(), &tcp] {
        let send = ["send", "--timeout", "100ms", endpoint, "text"];
        let bench = ["bench", "--timeout", "100ms", "-d", "1s", endpoint];
        // A load waits for the kernel to repeat a SYN.
        let (waits, words) = match endpoint.starts_with("tcp") {
            true => (Duration::from_secs(8), "within 8s"),
            false => (Duration::ZERO, "within 100ms"),
        };
        for (arguments, waits, words) in [
            // Connecting has the time of all tries.
            (&send[..], Duration::ZERO, "within 300ms"),
            (&bench[..], waits, words),
        ] {
            let since = Instant::now();
            let end = Watched::start(&mut verb(arguments)).ended(since);
            assert_eq!(end.code, Some(5), "{end:?}");
            assert!(end.stderr.contains(words), "{end:?}");
            assert!(end.took < waits + BOUND, "{end:?}");
        }
        // It continues to probe, and counts its losses.
        let ping = [
            "ping", "--json", "-W", "50ms", "-i", "10ms", "-c", "5", endpoint,
        ];
        let since = Instant::now();
        let end = Watched::start(&mut verb(&ping)).ended(since);
        assert_eq!(end.code, Some(5), "{end:?}");
        let summary = end.summary();
        assert_eq!([&summary["sent"], &summary["lost"]], [5, 5], "{summary}");
        // The deadline includes the time to connect.
        let ping = ["ping", "--json", "-W", "1h", "-w", "100ms", endpoint];
        let since = Instant::now();
        let end = Watched::start(&mut verb(&ping)).ended(since);
        assert_eq!(end.code, Some(5), "{end:?}");
        assert!(end.took < BOUND, "{end:?}");
    }
}

#[test]
fn a_full_backlog_that_empties_is_connected_to() {
    let (endpoint, mut sockets) = full_unix_backlog("bullhorn-test-emptied-backlog");
    let send = Watched::start(&mut verb(&["send", "--timeout", "1m", &endpoint, "text"]));
    let ping = ["ping", "-c", "1", "-W", "1m", &endpoint];
    let ping = Watched::start(&mut verb(&ping));
    for pid in [send.pid(), ping.pid()] {
        // Each attempt ends with a sleep.
        wait_until("ten attempts", || {
            let sleeps = status(pid, "voluntary_ctxt_switches");
            sleeps.is_some_and(|sleeps| sleeps.parse::<u64>().unwrap() >= 10)
        });
    }
    let listener = sockets.remove(0);
    drop(sockets);
    let accepting = std::thread::spawn(move || {
        let mut answered = 0;
        while answered < 2 {
            let (connection, _) = listener.accept().unwrap();
            let mut line = String::new();
            let _ = BufReader::new(&connection).read_line(&mut line);
            if !line.is_empty() {
                (&connection)
                    .write_all(line.to_uppercase().as_bytes())
                    .unwrap();
                answered += 1;
            }
        }
    });
    for watched in [send, ping] {
        let end = watched.ended(Instant::now());
        assert_eq!(end.code, Some(0), "{end:?}");
    }
    accepting.join().unwrap();
}

#[test]
fn a_signal_ends_the_wait_for_an_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    silent
        .set_read_timeout(Some(crate::support::TEST_TIMEOUT))
        .unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    // A text of this run, as earlier runs left nothing behind.
    let was_asked = |_| silent.recv(&mut [0; 2048]).is_ok();
    let forget = || {
        silent.set_nonblocking(true).unwrap();
        while silent.recv(&mut [0; 2048]).is_ok() {}
        silent.set_nonblocking(false).unwrap();
    };
    let verb = |arguments: &[&str]| {
        forget();
        verb(arguments)
    };
    let send = ["send", "--json", "--timeout", "1h", &endpoint, "a", "b"];
    by_each_signal(
        || verb(&send),
        was_asked,
        |end| {
            assert_eq!(end.code, Some(5), "{end:?}");
            assert!(end.stderr.contains("stopped before"), "{end:?}");
            assert_eq!(end.summary()["right"], 0);
        },
    );
    let ping = ["ping", "--json", "-W", "1h", &endpoint];
    by_each_signal(
        || verb(&ping),
        was_asked,
        |end| {
            assert_eq!(end.code, Some(5), "{end:?}");
            assert!(end.summary()["pending"].as_u64() >= Some(1), "{end:?}");
        },
    );
    // Before and after everything is sent.
    for count in ["1000000", "10"] {
        let bench = [
            "bench",
            "--json",
            "--warmup",
            "off",
            "--timeout",
            "1h",
            "--count",
            count,
            &endpoint,
        ];
        by_each_signal(
            || verb(&bench),
            was_asked,
            |end| {
                assert_eq!(end.code, Some(5), "{end:?}");
                assert!(end.summary()["pending"].as_u64() >= Some(1), "{end:?}");
            },
        );
    }
}

#[test]
fn a_stopped_send_that_was_answered_in_part_exits_1_with_keep_going_and_else_5() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    for (flags, code, counts) in [(&["--keep-going"][..], 1, [1, 2]), (&[][..], 5, [1, 1])] {
        let mut command = verb(&["send", "--json", "--timeout", "1h"]);
        command.args(flags).args([&endpoint, "a", "b", "c"]);
        let watched = Watched::start(&mut command);
        let (connection, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&connection).read_line(&mut line).unwrap();
        (&connection).write_all(b"A\n").unwrap();
        // A byte of the second answer, so that an empty socket means that the first was read.
        wait_until("the answer to be read", || {
            unread_by_peer(&connection) == 0 && is_waiting(watched.pid(), 15)
        });
        let end = watched.end_by("TERM");
        assert_eq!(end.code, Some(code), "{end:?}");
        assert!(end.took < BOUND, "{end:?}");
        let summary = end.summary();
        assert_eq!([&summary["right"], &summary["failed"]], counts, "{summary}");
    }
}

/// Bytes that the peer, on this machine, has in its receive queue (proc_net_tcp(5)).
fn unread_by_peer(connection: &std::net::TcpStream) -> u64 {
    let (local, peer) = (connection.local_addr(), connection.peer_addr());
    let (local, peer) = (local.unwrap().port(), peer.unwrap().port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let unread = table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&format!(":{peer:04X}"))
            && fields.get(2)?.ends_with(&format!(":{local:04X}"));
        let unread = fields.get(4)?.split_once(':')?.1;
        is_it.then(|| u64::from_str_radix(unread, 16).unwrap())
    });
    unread.unwrap_or(u64::MAX)
}

#[test]
#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn a_signal_ends_a_send_that_the_peer_does_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp://{}", listener.local_addr().unwrap());
    let name = own("bullhorn-test-does-not-take");
    let _unixgram = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
    _unixgram
        .bind(&SockAddr::unix(format!("\0{name}")).unwrap())
        .unwrap();
    let filling = UnixDatagram::unbound().unwrap();
    filling.set_nonblocking(true).unwrap();
    let address =
        <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(
            name.as_bytes(),
        );
    filling.connect_addr(&address.unwrap()).unwrap();
    while filling.send(b"full").is_ok() {}
    let unixgram = format!("unixgram:@{name}");

    let long = "x".repeat(60_000);
    let mut command = vec!["send", "--json", "--timeout", "1h", &tcp];
    command.extend([long.as_str(); 30]);
    let mut accepted = Vec::new();
    by_each_signal(
        || verb(&command),
        |pid| {
            listener.set_nonblocking(true).unwrap();
            accepted.extend(listener.accept().ok());
            is_waiting(pid, 15)
        },
        |end| {
            assert_eq!(
                (end.code, end.summary()["right"].as_u64()),
                (Some(5), Some(0))
            )
        },
    );
    let send = ["send", "--json", "--timeout", "1h", &unixgram, "text"];
    by_each_signal(
        || verb(&send),
        |_| true,
        |end| {
            assert_eq!(
                (end.code, end.summary()["right"].as_u64()),
                (Some(5), Some(0))
            )
        },
    );
    for endpoint in [&unixgram, &tcp] {
        let bench = [
            "bench",
            "--json",
            "--warmup",
            "off",
            "--timeout",
            "1h",
            "-d",
            "1h",
            endpoint,
        ];
        by_each_signal(
            || verb(&bench),
            |_| true,
            |end| {
                end.summary();
            },
        );
    }
    let ping = ["ping", "--json", "-W", "1h", &unixgram];
    by_each_signal(
        || verb(&ping),
        |_| true,
        |end| {
            end.summary();
        },
    );
}

#[test]
fn a_signal_ends_the_wait_for_standard_input_also_in_process_1() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for endpoint in &served.endpoints {
        by_each_signal(
            || {
                let mut command = verb(&["send", "--json", endpoint]);
                command.stdin(Stdio::piped());
                command
            },
            |_| true,
            |end| {
                assert_eq!(end.code, Some(0), "{end:?}");
                assert_eq!(end.summary()["texts"], 0);
            },
        );
    }
    let Some(unshare) = find_program("unshare") else {
        return;
    };
    let mut command = clean(Command::new(unshare));
    command.args(["--pid", "--fork", "--kill-child"]);
    command
        .arg(program())
        .args(["send", "--json", served.endpoint()]);
    let mut watched = Watched::start(command.stdin(Stdio::piped()));
    let mut child = None;
    wait_until("process 1", || {
        child = child_of(watched.pid());
        child.is_some() || watched.process.child.try_wait().unwrap().is_some()
    });
    let Some(child) = child else {
        return skipped("a PID namespace needs CAP_SYS_ADMIN");
    };
    wait_until("process 1 to wait", || is_waiting(child, 15));
    let since = Instant::now();
    kill(child, "TERM");
    let end = watched.ended(since);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.took < BOUND, "{end:?}");
    assert_eq!(end.summary()["texts"], 0);
}

pub fn child_of(pid: u32) -> Option<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

pub fn kill(pid: u32, signal: &str) {
    let kill = format!("kill -{signal} {pid}");
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_signal_ends_the_time_for_late_answers() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let ping = [
        "ping",
        "--json",
        "-c",
        "1",
        "--linger",
        "1h",
        served.endpoint(),
    ];
    by_each_signal(
        || verb(&ping),
        |_| true,
        |end| {
            end.summary();
        },
    );
}

#[test]
fn a_signal_ends_the_wait_for_a_reader_of_the_output() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let endpoint = served.endpoint();
    let texts = vec!["text of twenty bytes"; 20_000];
    let send = [&["send", endpoint][..], &texts].concat();
    let ping = ["ping", "-i", "1ms", endpoint];
    for (arguments, codes) in [(&send[..], &[5, 7][..]), (&ping, &[7])] {
        for (name, number) in SIGNALS {
            if !can_be_sent(name, number) {
                continue;
            }
            let mut command = verb(arguments);
            let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
            let pid = running.child.id();
            let is_blocked = || {
                let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
                let mut calls = tasks
                    .flatten()
                    .filter_map(|task| std::fs::read_to_string(task.path().join("wchan")).ok());
                calls.any(|call| call.contains("pipe_w"))
            };
            // Where the kernel does not report it, the signal may come a little too early.
            let begun = Instant::now();
            wait_until("a full pipe", || {
                is_waiting(pid, number) && (is_blocked() || begun.elapsed() > BOUND * 2)
            });
            let since = Instant::now();
            running.signal(name);
            let code = running.wait().code();
            assert!(since.elapsed() < BOUND, "{name} {:?}", since.elapsed());
            assert!(code.is_some_and(|code| codes.contains(&code)), "{code:?}");
        }
    }
}

#[test]
fn a_signal_ends_the_prompt_and_keeps_its_history() {
    let Some(script) = find_program("script") else {
        return;
    };
    let served = Served::start(&["udp://127.0.0.1:0"]);
    // SIGINT discards the line, as Ctrl-C does.
    for (name, number) in &SIGNALS[1..] {
        let (name, number) = (*name, *number);
        if !can_be_sent(name, number) {
            continue;
        }
        let state = tempfile::tempdir().unwrap();
        let send = format!("exec '{}' send {}", program().display(), served.endpoint());
        let mut command = clean(Command::new(&script));
        command
            .args(["-qec", &send, "/dev/null"])
            .stdin(Stdio::piped());
        command
            .env("XDG_STATE_HOME", state.path())
            .env("TERM", "xterm");
        let mut process = Running::start(command.stdout(Stdio::piped()));
        let mut keys = process.child.stdin.take().unwrap();
        let terminal = Terminal::of(process.child.stdout.take().unwrap());
        terminal.read_until("> ");
        keys.write_all(b"typed\r").unwrap();
        terminal.read_until("TYPED\r\n");
        terminal.read_until("> ");
        let child = child_of(process.child.id()).unwrap();
        wait_until("the prompt", || is_waiting(child, number));
        let since = Instant::now();
        kill(child, name);
        assert_eq!(process.wait().code(), Some(0), "SIG{name}");
        assert!(since.elapsed() < BOUND, "{:?}", since.elapsed());
        let history = std::fs::read_to_string(state.path().join("bullhorn/history")).unwrap();
        assert!(history.contains("typed"), "{history}");
    }
}

#[test]
fn a_signal_ends_demo_with_what_it_has_found() {
    let tested = in_own_network(|| {
        let Some(nft) = find_program("nft") else {
            return;
        };
        let rules = "add table inet t; add chain inet t c { type filter hook input priority 0; policy drop; }";
        if !Command::new(nft).arg(rules).status().unwrap().success() {
            return skipped("nft cannot drop packets here");
        }
        by_each_signal(
            || verb(&["demo", "--json"]),
            |_| true,
            |end| {
                assert_eq!(end.code, Some(1), "{end:?}");
                assert_eq!(end.summary()["asked"], 9);
            },
        );
    });
    let _ = tested;
}

#[test]
fn a_sighup_that_nohup_ignores_stays_ignored() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let script = format!(
        "trap '' HUP; exec '{}' ping --json -i 10ms -W 1h udp://{}",
        program().display(),
        silent.local_addr().unwrap()
    );
    let watched = Watched::start(clean(Command::new("sh")).args(["-c", &script]));
    wait_until("ping to wait", || is_waiting(watched.pid(), 15));
    watched.process.signal("HUP");
    let asked = || silent.recv(&mut [0; 2048]).unwrap();
    (0..20).for_each(|_| {
        asked();
    });
    let end = watched.end_by("TERM");
    assert!(end.summary()["sent"].as_u64() >= Some(20), "{end:?}");
}

/// A verb with a resolver that receives every query and never answers.
struct DeadResolver {
    socket: UdpSocket,
    directory: tempfile::TempDir,
}

impl DeadResolver {
    /// Only in a separate network namespace.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("resolv.conf");
        std::fs::write(
            &file,
            "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n",
        )
        .unwrap();
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
        socket
            .set_read_timeout(Some(crate::support::TEST_TIMEOUT))
            .unwrap();
        let dead = Self { socket, directory };
        let mut command = dead.command(&["--version"]);
        let works = command.output().is_ok_and(|output| output.status.success());
        if !works {
            skipped("a mount namespace needs CAP_SYS_ADMIN");
        }
        works.then_some(dead)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(Command::new("unshare"));
        let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script]);
        command.arg(self.directory.path().join("resolv.conf"));
        command.arg(program()).args(arguments).stdin(Stdio::null());
        command
    }

    fn was_asked(&self) -> bool {
        self.socket.recv(&mut [0; 2048]).is_ok()
    }

    fn forget_questions(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 2048]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }
}

const NAME: &str = "udp://silent.bullhorn.test:3000";
const METRICS: &str = "tcp://silent.bullhorn.test:3000";

#[test]
fn a_signal_ends_the_wait_for_the_resolver() {
    let tested = in_own_network(|| {
        let Some(dead) = DeadResolver::new() else {
            return;
        };
        for arguments in [
            &["send", NAME, "text"][..],
            &["ping", NAME],
            &["bench", NAME],
        ] {
            by_each_signal(
                || {
                    dead.forget_questions();
                    dead.command(arguments)
                },
                |_| dead.was_asked(),
                |end| {
                    assert_eq!(end.code, Some(6), "{end:?}");
                    let words = "stopped before the resolver answered";
                    assert!(end.stderr.contains(words), "{end:?}");
                },
            );
        }
    });
    let _ = tested;
}

#[test]
fn a_silent_resolver_is_not_waited_for_beyond_the_deadline() {
    let tested = in_own_network(|| {
        let Some(dead) = DeadResolver::new() else {
            return;
        };
        let limits = [
            (&["ping", "-w", "500ms", NAME][..], "500ms"),
            (&["send", NAME, "text"], "11s"),
            (&["bench", NAME], "11s"),
            (&["serve", NAME], "11s"),
            (&["serve", "tcp://127.0.0.1:0", "--metrics", METRICS], "11s"),
            (&["send", "--timeout", "12s", NAME, "text"], "12s"),
        ];
        let since = Instant::now();
        let started =
            limits.map(|(arguments, limit)| (Watched::start(&mut dead.command(arguments)), limit));
        for (watched, limit) in started {
            let end = watched.ended(since);
            assert_eq!(end.code, Some(6), "{end:?}");
            let words = format!("the resolver did not answer within {limit}");
            assert!(end.stderr.contains(&words), "{end:?}");
            let limit = limit.replace("500ms", "0.5s").replace('s', "");
            let limit = Duration::from_secs_f64(limit.parse().unwrap());
            assert!(end.took < limit + BOUND, "{end:?}");
        }
    });
    let _ = tested;
}
