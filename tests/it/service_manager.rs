//! systemd's side: passed sockets, the notifications of readiness, drain and watchdog, and the units.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::inherit::inheriting;
use crate::support::{
    Running, Served, TEST_TIMEOUT, bullhorn, find_program, own, program, run_bullhorn, skipped,
    uninterrupted, wait_until,
};
use crate::support_strace::tampered_bullhorn;

/// A service manager, as far as the server can see.
struct Manager {
    socket: UnixDatagram,
    /// The value of NOTIFY_SOCKET.
    name: String,
}

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let name = path.to_str().unwrap().to_owned();
        Self::on(socket, name)
    }

    /// Each on a unique name: a program that another test is starting holds the last one's socket
    /// until its exec.
    fn on_abstract_name() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = own(&format!("bullhorn-test-manager-{number}"));
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap());
        Self::on(socket.unwrap(), format!("@{name}"))
    }

    fn on(socket: UnixDatagram, name: String) -> Self {
        socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        Self { socket, name }
    }

    /// The lines of the next message.
    fn hear(&self) -> Vec<String> {
        self.hear_now().expect("no notification")
    }

    fn hear_now(&self) -> Option<Vec<String>> {
        let mut buffer = [0; 4096];
        let length = uninterrupted(|| self.socket.recv(&mut buffer)).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }

    fn hear_until(&self, wanted: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            assert!(
                begin.elapsed() < TEST_TIMEOUT,
                "the server does not tell it"
            );
            if let Some(line) = self.hear().into_iter().find(|line| wanted(line)) {
                return line;
            }
        }
    }

    /// A server with `preparation` in its shell.
    fn start(&self, preparation: &str, arguments: &[&str]) -> Served {
        let endpoints = arguments.iter().filter(|text| text.contains(':')).count();
        Served::start_command(&mut self.command(preparation, arguments), endpoints)
    }

    fn command(&self, preparation: &str, arguments: &[&str]) -> Command {
        let script = format!("{preparation} exec \"$0\" \"$@\"");
        let program = bullhorn();
        let mut command = crate::support::clean(Command::new("sh"));
        command.args(["-c", &script]).arg(program.get_program());
        command.args(["serve", "--json"]).args(arguments);
        command
            .env("NOTIFY_SOCKET", &self.name)
            .stdin(Stdio::null());
        command
    }
}

fn asked(endpoint: &str) -> String {
    run_bullhorn(["send", endpoint, "straße"]).text()
}

#[test]
fn readiness_is_reported_when_every_socket_answers_and_draining_when_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let by_path = Manager::at(&directory.path().join("notify"));
    let by_name = Manager::on_abstract_name();
    for manager in [by_path, by_name] {
        let arguments = ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"];
        let mut command = manager.command("", &arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Running::start(&mut command);
        let ready = manager.hear();
        assert_eq!(ready[0], "READY=1");
        let endpoints = ready[1].strip_prefix("STATUS=Answering on ").unwrap();
        let endpoints: Vec<&str> = endpoints.split(", ").collect();
        assert_eq!(endpoints.len(), 2, "{ready:?}");
        for endpoint in endpoints {
            assert_eq!(asked(endpoint), "STRASSE\n");
        }
        process.signal("TERM");
        assert_eq!(manager.hear()[0], "STOPPING=1");
        assert_eq!(process.wait().code(), Some(0));
    }
}

#[test]
fn a_server_that_cannot_bind_is_never_ready() {
    let manager = Manager::on_abstract_name();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", taken.local_addr().unwrap());
    let mut command = manager.command("", &["udp://127.0.0.1:0", &taken]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    assert_eq!(Running::start(&mut command).wait().code(), Some(7));
    manager.socket.set_nonblocking(true).unwrap();
    assert_eq!(manager.hear_now(), None);
}

#[test]
fn a_manager_that_cannot_be_reached_does_not_stop_the_server() {
    for name in ["/does/not/exist", "vsock:2:1234", "@"] {
        let mut command = bullhorn();
        command.args(["serve", "--json", "udp://127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", name).stdin(Stdio::null());
        let served = Served::start_command(&mut command, 1);
        assert_eq!(asked(served.endpoint()), "STRASSE\n");
        let totals = served.stop();
        assert_eq!((totals.code, totals.stderr.lines().count()), (Some(0), 1));
        assert!(totals.stderr.contains(name), "{}", totals.stderr);
    }
}

#[test]
fn the_watchdog_gets_signs_of_life_with_the_totals() {
    for preparation in ["", "export WATCHDOG_PID=$$;"] {
        let manager = Manager::on_abstract_name();
        let preparation = format!("export WATCHDOG_USEC=50000; {preparation}");
        let served = manager.start(&preparation, &["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
        for _ in 0..5 {
            manager.hear_until(|line| line == "WATCHDOG=1");
        }
        for endpoint in &served.endpoints {
            assert_eq!(asked(endpoint), "STRASSE\n");
        }
        manager.hear_until(|line| {
            line.contains("1 datagrams received, 1 answered, 0 dropped; 1 connections accepted")
        });
        assert_eq!(served.stop().code, Some(0));
        manager.hear_until(|line| line == "STOPPING=1");
    }
}

#[test]
fn a_watchdog_that_is_off_or_for_another_process_gets_no_signs_of_life() {
    for preparation in [
        "",
        "export WATCHDOG_USEC=0;",
        "export WATCHDOG_USEC=20000 WATCHDOG_PID=1;",
    ] {
        let manager = Manager::on_abstract_name();
        let served = manager.start(preparation, &["udp://127.0.0.1:0"]);
        assert_eq!(manager.hear()[0], "READY=1");
        // The first sign would come at once.
        assert_eq!(asked(served.endpoint()), "STRASSE\n");
        assert_eq!(served.stop().code, Some(0));
        assert_eq!(manager.hear()[0], "STOPPING=1", "{preparation}");
    }
}

/// A thread that sends signs of life regardless of the workers would prove nothing.
#[test]
fn the_watchdog_gets_no_sign_of_life_while_a_worker_is_stalled() {
    // The first answer delays the worker for four seconds.
    let Some(mut command) = tampered_bullhorn(&["inject=sendmsg:delay_enter=4000000:when=1"])
    else {
        return;
    };
    let manager = Manager::on_abstract_name();
    command
        .args(["serve", "--json", "udp://127.0.0.1:0", "--workers", "1"])
        .args(["--backend", "plain"])
        .env("NOTIFY_SOCKET", &manager.name)
        .env("WATCHDOG_USEC", "400000")
        .stdout(Stdio::null());
    let mut process = Running::start(&mut command);
    let ready = manager.hear();
    let address = ready[1].rsplit("udp://").next().unwrap();
    manager.hear_until(|line| line == "WATCHDOG=1");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Something always waits.
    let status = manager.hear_until(|line| {
        client.send_to(b"not answered for long", address).unwrap();
        line.contains("No answers")
    });
    assert!(status.contains(address), "{status}");
    // Five signs of life would have come.
    manager
        .socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    assert_eq!(manager.hear_now(), None);
    // The worker continues.
    manager.socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    manager.hear_until(|line| line == "WATCHDOG=1");
    process.signal("TERM");
    assert_eq!(process.wait().code(), Some(0));
}

/// The address is a loopback one that no other test uses, as the kernel cannot choose this port.
fn own_address() -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.77.{high}.{low}:3000")
}

fn activate(manager: &Manager, options: &[&str], arguments: &[&str]) -> Option<Running> {
    let program = find_program("systemd-socket-activate")?;
    let mut command = crate::support::clean(Command::new(program));
    command
        .args(options)
        .arg(format!("--setenv=NOTIFY_SOCKET={}", manager.name));
    command
        .arg(bullhorn().get_program())
        .args(["serve", "--json"])
        .args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Some(Running::start(&mut command))
}

#[test]
fn a_datagram_starts_the_server_that_answers_it() {
    let manager = Manager::on_abstract_name();
    let address = own_address();
    let endpoint = format!("udp://{address}");
    let options = ["--datagram", "--listen", &address];
    let Some(mut server) = activate(&manager, &options, &[]) else {
        return;
    };
    // Refused until the socket is there, and then never lost.
    let ask = || run_bullhorn(["send", &endpoint, "--timeout", "20s", "straße"]);
    let mut ended = ask();
    wait_until("the socket is there", || {
        if ended.code == 4 {
            ended = ask();
        }
        ended.code != 4
    });
    assert_eq!(ended.text(), "STRASSE\n", "{}", ended.stderr);
    assert_eq!(
        manager.hear(),
        ["READY=1", &format!("STATUS=Answering on {endpoint}")]
    );
    server.signal("TERM");
    assert_eq!(manager.hear()[0], "STOPPING=1");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_connection_starts_the_server_of_all_sockets_that_systemd_holds() {
    let manager = Manager::on_abstract_name();
    let address = own_address();
    let name = own("@bullhorn-test-activate-all");
    let options = [
        "--listen",
        &address,
        "--listen",
        &name,
        "--fdname=web:local",
    ];
    let endpoints = [format!("tcp://{address}"), format!("unix:{name}")];
    // The second time, the endpoints are given too, the other way round.
    for arguments in [&[][..], &[endpoints[1].as_str(), endpoints[0].as_str()]] {
        let Some(mut server) = activate(&manager, &options, arguments) else {
            return;
        };
        wait_until("the sockets are there", || {
            TcpStream::connect(&address).is_ok()
        });
        let ready = manager.hear();
        assert_eq!(ready[0], "READY=1");
        for endpoint in &endpoints {
            assert!(ready[1].contains(endpoint), "{ready:?}");
            assert_eq!(asked(endpoint), "STRASSE\n");
        }
        server.signal("TERM");
        assert_eq!(manager.hear()[0], "STOPPING=1");
        assert_eq!(server.wait().code(), Some(0));
    }
}

const ANNOUNCED: &str = "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=held;";

fn with_passed(socket: impl Into<OwnedFd>, endpoints: &[&str], lines: usize) -> Served {
    let mut command = inheriting(ANNOUNCED, socket, &["serve", "--json", "-v"]);
    Served::start_command(command.args(endpoints), lines)
}

#[test]
fn an_endpoint_that_is_passed_is_not_bound_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("held");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixDatagram::bind(&path).unwrap();
    let packets = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let packets_path = directory.path().join("packets");
    packets
        .bind(&SockAddr::unix(&packets_path).unwrap())
        .unwrap();
    packets.listen(8).unwrap();
    let cases: [(String, OwnedFd); 4] = [
        (format!("udp://{}", udp.local_addr().unwrap()), udp.into()),
        (format!("tcp://{}", tcp.local_addr().unwrap()), tcp.into()),
        (format!("unixgram:{}", path.display()), unix.into()),
        (
            format!("unixpacket:{}", packets_path.display()),
            packets.into(),
        ),
    ];
    for (endpoint, socket) in cases {
        let served = with_passed(socket, &["tcp://127.0.0.1:0", &endpoint], 2);
        assert_ne!(served.ready[0]["descriptor"], 3);
        assert_eq!(served.ready[1]["descriptor"], 3);
        assert_eq!(served.endpoints[1], endpoint);
        for endpoint in &served.endpoints {
            assert_eq!(asked(endpoint), "STRASSE\n");
        }
        let totals = served.stop();
        assert_eq!(totals.code, Some(0));
        assert!(totals.stderr.contains("\"held\""), "{}", totals.stderr);
        assert!(!totals.stderr.contains("warning"), "{}", totals.stderr);
    }
    // The program that made a file removes it.
    assert!(path.exists());
}

#[test]
fn a_passed_socket_of_both_families_serves_every_address() {
    for (scheme, kind) in [("udp", Type::DGRAM), ("tcp", Type::STREAM)] {
        let Ok(both) = Socket::new(Domain::IPV6, kind, None) else {
            return skipped("this machine has no IPv6");
        };
        both.set_only_v6(false).unwrap();
        let every_address: std::net::SocketAddr = "[::]:0".parse().unwrap();
        both.bind(&every_address.into()).unwrap();
        let port = both.local_addr().unwrap().as_socket().unwrap().port();
        let served = with_passed(both, &[&format!("{scheme}://:{port}")], 1);
        assert_eq!(served.ready[0]["descriptor"], 3);
        for host in ["127.0.0.1", "[::1]"] {
            assert_eq!(asked(&format!("{scheme}://{host}:{port}")), "STRASSE\n");
        }
        assert_eq!(served.stop().code, Some(0));
    }
}

#[test]
fn a_passed_socket_that_is_not_served_causes_a_warning() {
    // An address that no other test uses, as its port must be free for TCP too.
    let socket = UdpSocket::bind("127.99.98.93:0").unwrap();
    // The same address, but another socket.
    let endpoint = format!("tcp://{}", socket.local_addr().unwrap());
    let served = with_passed(socket, &[&endpoint], 1);
    assert_ne!(served.ready[0]["descriptor"], 3);
    let totals = served.stop();
    assert!(
        totals
            .stderr
            .contains("warning: descriptor 3 was passed on"),
        "{}",
        totals.stderr
    );
}

const UNITS: [&str; 3] = [
    "bullhorn.socket",
    "bullhorn.service",
    "bullhorn-standalone.service",
];

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let Some(analyze) = find_program("systemd-analyze") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut copies = Vec::new();
    for unit in UNITS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("deploy/systemd")
            .join(unit);
        let text = std::fs::read_to_string(path).unwrap();
        // A program that exists.
        let text = text.replace("/usr/local/bin/bullhorn", &program().display().to_string());
        let copy = directory.path().join(unit);
        std::fs::write(&copy, text).unwrap();
        copies.push(copy);
    }
    let mut command = Command::new(analyze);
    command
        .args(["verify", "--man=no", "--recursive-errors=yes"])
        .args(&copies);
    let output = command.env(
        "SYSTEMD_UNIT_PATH",
        format!("{}:", directory.path().display()),
    );
    let output = output.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // Problems of this machine's other units do not matter here.
    let complaints: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("bullhorn"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
