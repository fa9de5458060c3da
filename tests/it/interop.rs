//! Other programs are answered, and the server still works afterwards; `send`, `ping` and `bench`
//! work with other servers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use tempfile::TempDir;

use crate::support::{
    Running, Served, TEST_TIMEOUT, bullhorn, capitals, find_example, find_program, run,
    run_bullhorn,
};

const TEXT: &str = "grüße, straße, привет, καλημέρα\n";

/// A server at one endpoint, and what a client in a shell needs to know about it.
struct Target {
    served: Served,
    datagrams: bool,
    /// For the names of Unix sockets; the last field, so that it outlives the server.
    directory: TempDir,
}

impl Target {
    /// Serves `endpoint`, with `DIRECTORY` in it replaced by a new one.
    fn serve(endpoint: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        // The empty host is a socket for each of the two Internet families.
        let sockets = if endpoint.contains("//:") { 2 } else { 1 };
        let served = Served::start_command(
            bullhorn()
                .args(["serve", "--json"])
                .arg(endpoint.replace("DIRECTORY", path)),
            sockets,
        );
        Self {
            served,
            datagrams: endpoint.starts_with("udp") || endpoint.starts_with("unixgram"),
            directory,
        }
    }

    /// A shell in which `$PORT` is the server's, and Unix sockets are in the working directory. A
    /// client's own name must be an absolute path, as the server has another working directory.
    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        // `exec`, so that ending the shell ends the program.
        command
            .args(["-c", &format!("exec {line}")])
            .current_dir(self.directory.path());
        if !self.served.endpoint().starts_with("unix") {
            command.env("PORT", self.served.port(0).to_string());
        }
        command
    }

    /// The server must have answered [`TEXT`] once, answer once more, and account for both.
    fn stays_well(self) {
        let endpoint = self.served.endpoint().replace("0.0.0.0", "127.0.0.1");
        let ended = run_bullhorn(["send", &endpoint, "still there?"]);
        assert_eq!(
            (ended.code, ended.text().as_str()),
            (0, "STILL THERE?\n"),
            "{ended:?}"
        );
        let totals = self.served.stop();
        if self.datagrams {
            totals.assert_datagrams(2, 2, 0);
        } else {
            assert_eq!(totals.code, Some(0), "{totals:?}");
            let endpoints = totals.summary["endpoints"].as_array().unwrap();
            let sum = |key: &str| -> u64 { endpoints.iter().filter_map(|e| e[key].as_u64()).sum() };
            // A message needs no line end.
            let line_end = usize::from(!endpoint.starts_with("unixpacket"));
            let bytes = (TEXT.len() + "still there?".len() + line_end) as u64;
            assert_eq!(
                ["accepted", "finished", "dropped"].map(sum),
                [2, 2, 0],
                "{totals:?}"
            );
            assert_eq!(
                ["received_bytes", "answered_bytes", "unsent_bytes"].map(sum),
                [bytes, bytes, 0],
                "{totals:?}"
            );
        }
    }
}

/// Sends a request with a program that ends by itself: when the server ends the stream, or when it
/// has an answer.
fn is_answered_and_ends(endpoint: &str, program: &str, line: &str) {
    if find_program(program).is_none() {
        return;
    }
    let target = Target::serve(endpoint);
    let ended = run(&mut target.shell(line), TEXT.as_bytes());
    assert_eq!(
        (ended.code, ended.stdout.as_slice()),
        (0, capitals(TEXT.as_bytes()).as_slice()),
        "{ended:?}"
    );
    target.stays_well();
}

/// Sends a request with a program that would wait forever for another answer; it is ended after the
/// first.
fn is_answered(endpoint: &str, program: &str, line: &str) {
    if find_program(program).is_none() {
        return;
    }
    let target = Target::serve(endpoint);
    let mut client = Running::start(
        target
            .shell(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped()),
    );
    let mut stdin = client.child.stdin.take().unwrap();
    stdin.write_all(TEXT.as_bytes()).unwrap();
    assert_eq!(
        first_line(&mut client).as_bytes(),
        capitals(TEXT.as_bytes())
    );
    drop(client);
    target.stays_well();
}

/// The first line that a program prints, or a failure when it takes too long.
fn first_line(running: &mut Running) -> String {
    let stdout = running.child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(line);
    });
    receiver.recv_timeout(TEST_TIMEOUT).expect("no line came")
}

#[test]
fn bash_is_answered_over_udp() {
    let line = "bash -c 'exec 3<>/dev/udp/127.0.0.1/$PORT; cat >&3; exec head -n 1 <&3'";
    is_answered_and_ends("udp://127.0.0.1:0", "bash", line);
}

#[test]
fn bash_is_answered_over_tcp() {
    let line = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/$PORT; cat >&3; exec head -n 1 <&3'";
    is_answered_and_ends("tcp://127.0.0.1:0", "bash", line);
}

// The tests of netcat name OpenBSD's, because the others have other options.

#[test]
fn netcat_is_answered_over_udp() {
    let line = "nc.openbsd -u -W 1 127.0.0.1 $PORT";
    is_answered_and_ends("udp://:0", "nc.openbsd", line);
}

#[test]
fn netcat_is_answered_over_tcp() {
    is_answered_and_ends("tcp://:0", "nc.openbsd", "nc.openbsd -N 127.0.0.1 $PORT");
}

#[test]
fn netcat_is_answered_over_a_unix_stream() {
    is_answered_and_ends(
        "unix:DIRECTORY/server",
        "nc.openbsd",
        "nc.openbsd -N -U server",
    );
}

#[test]
fn netcat_is_answered_over_unix_datagrams() {
    let line = "nc.openbsd -uU -W 1 -s $PWD/client server";
    is_answered_and_ends("unixgram:DIRECTORY/server", "nc.openbsd", line);
}

#[test]
fn ncat_is_answered_over_udp() {
    is_answered("udp://127.0.0.1:0", "ncat", "ncat -u 127.0.0.1 $PORT");
}

#[test]
fn ncat_is_answered_over_tcp() {
    is_answered_and_ends("tcp://127.0.0.1:0", "ncat", "ncat 127.0.0.1 $PORT");
}

#[test]
fn ncat_is_answered_over_a_unix_stream() {
    is_answered_and_ends("unix:DIRECTORY/server", "ncat", "ncat -U server");
}

#[test]
fn ncat_is_answered_over_unix_datagrams() {
    let line = "ncat -uU -s $PWD/client server";
    is_answered("unixgram:DIRECTORY/server", "ncat", line);
}

#[test]
fn socat_is_answered_over_udp() {
    is_answered("udp://:0", "socat", "socat - UDP:127.0.0.1:$PORT");
}

#[test]
fn socat_is_answered_over_tcp() {
    is_answered_and_ends("tcp://:0", "socat", "socat -t 60 - TCP:127.0.0.1:$PORT");
}

#[test]
fn socat_is_answered_over_a_unix_stream() {
    is_answered_and_ends(
        "unix:DIRECTORY/server",
        "socat",
        "socat -t 60 - UNIX-CONNECT:server",
    );
}

#[test]
fn socat_is_answered_over_unix_datagrams() {
    // socat ignores an answer from a name that differs from the one it was given.
    let line = "socat - UNIX-SENDTO:$PWD/server,bind=$PWD/client";
    is_answered("unixgram:DIRECTORY/server", "socat", line);
}

/// A text from standard input, over a socket of the family and type named, to standard output.
const PYTHON: &str = "
import os, socket, sys
family, kind, *address = sys.argv[1:]
client = socket.socket(getattr(socket, family), getattr(socket, kind))
client.settimeout(60)
if family == 'AF_UNIX':
    client.bind(os.path.abspath('client'))
client.connect((address[0], int(address[1])) if address[1:] else address[0])
text = sys.stdin.buffer.read()
client.sendall(text)
if kind == 'SOCK_STREAM':
    client.shutdown(socket.SHUT_WR)
    answer = b''.join(iter(lambda: client.recv(4096), b''))
else:
    answer = client.recv(65535)
assert answer.decode() == text.decode().upper(), answer
sys.stdout.buffer.write(answer)
";

fn python_is_answered(endpoint: &str, arguments: &str) {
    let line = format!("python3 -c \"{PYTHON}\" {arguments}");
    is_answered_and_ends(endpoint, "python3", &line);
}

#[test]
fn python_is_answered_over_udp_and_ipv4() {
    python_is_answered("udp://:0", "AF_INET SOCK_DGRAM 127.0.0.1 $PORT");
}

#[test]
fn python_is_answered_over_udp_and_ipv6() {
    python_is_answered("udp://:0", "AF_INET6 SOCK_DGRAM ::1 $PORT");
}

#[test]
fn python_is_answered_over_tcp_and_ipv4() {
    python_is_answered("tcp://:0", "AF_INET SOCK_STREAM 127.0.0.1 $PORT");
}

#[test]
fn python_is_answered_over_tcp_and_ipv6() {
    python_is_answered("tcp://:0", "AF_INET6 SOCK_STREAM ::1 $PORT");
}

#[test]
fn python_is_answered_over_a_unix_stream() {
    python_is_answered("unix:DIRECTORY/server", "AF_UNIX SOCK_STREAM server");
}

#[test]
fn python_is_answered_over_unix_packets() {
    python_is_answered(
        "unixpacket:DIRECTORY/server",
        "AF_UNIX SOCK_SEQPACKET server",
    );
}

#[test]
fn python_is_answered_over_unix_datagrams() {
    python_is_answered("unixgram:DIRECTORY/server", "AF_UNIX SOCK_DGRAM server");
}

#[test]
fn the_smallest_client_is_answered() {
    let Some(client) = find_example("udp_client") else {
        return;
    };
    // It sends its line without the line's end.
    let target = Target::serve("udp://127.0.0.1:0");
    let ended = run(
        Command::new(client).arg(format!("127.0.0.1:{}", target.served.port(0))),
        TEXT.as_bytes(),
    );
    assert_eq!(
        (ended.code, ended.text()),
        (0, TEXT.to_uppercase()),
        "{ended:?}"
    );
    target.stays_well();
}

/// The server of the examples, and the address that it prints.
fn start_smallest_server() -> Option<(Running, String)> {
    let mut server = Running::start(
        Command::new(find_example("udp_server")?)
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let line = first_line(&mut server);
    let (_, rest) = line.split_once("addr: ").expect("no address");
    let (address, _) = rest.split_once(',').expect("no address");
    Some((server, address.to_owned()))
}

#[test]
fn send_is_answered_by_the_smallest_server() {
    let Some((mut server, address)) = start_smallest_server() else {
        return;
    };
    // Its capitals are too large for a datagram; that must not end the service.
    let growing = "ŉ".repeat(30_000);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(growing.as_bytes(), &address).unwrap();

    let lines = TEXT.repeat(100);
    let ended = run(bullhorn().args(["send", &address]), lines.as_bytes());
    assert_eq!(
        (ended.code, ended.text()),
        (0, lines.to_uppercase()),
        "{ended:?}"
    );
    assert!(server.child.try_wait().unwrap().is_none(), "it has ended");
}

/// `ping` and `bench` find every answer of this server right.
fn is_asked_by_ping_and_bench(endpoint: &str, count: &str) {
    is_asked_with(endpoint, count, "1ms", "2");
}

/// One request per `interval`, and this many flows, each with a window of as many requests.
fn is_asked_with(endpoint: &str, count: &str, interval: &str, flows: &str) {
    for arguments in [
        &["ping", "-i", interval, "-W", "30s"][..],
        &[
            "bench",
            "--flows",
            flows,
            "--window",
            flows,
            "--warmup",
            "off",
            "--timeout",
            "30s",
        ],
    ] {
        let ended = run(
            bullhorn()
                .args(arguments)
                .args(["--json", endpoint, "-c", count]),
            b"",
        );
        assert_eq!(ended.code, 0, "{ended:?}");
        let summary = ended.summary();
        let count: u64 = count.parse().unwrap();
        assert_eq!(
            [&summary["sent"], &summary["ok"]],
            [count, count],
            "{ended:?}"
        );
        for key in ["corrupt", "lost", "pending", "duplicate", "late", "stray"] {
            assert_eq!(summary[key], 0, "{ended:?}");
        }
    }
}

/// Serves with `socat` and `tr` at `address`; `endpoint` is its name for our clients.
fn socat_with_tr_is_right(address: &str, endpoint: &str) {
    let Some(socat) = find_program("socat") else {
        return;
    };
    // stdbuf, because otherwise tr buffers its output; -t, because a busy machine is slow.
    let _server = Running::start(
        Command::new(socat)
            .args(["-t", "30", address, "SYSTEM:stdbuf -oL tr a-z A-Z"])
            .stdin(Stdio::null())
            .stderr(Stdio::null()),
    );
    crate::support::wait_until("socat to serve", || {
        run_bullhorn(["send", "--timeout", "30s", endpoint, "ready"]).code == 0
    });
    if endpoint.starts_with("udp:") {
        // Its processes share one socket, and of two datagrams at once one may get lost among them.
        is_asked_with(endpoint, "10", "300ms", "1");
    } else {
        is_asked_by_ping_and_bench(endpoint, "40");
    }
}

/// A port of an address that only this test uses, free a moment ago.
fn free_port(host: &str) -> u16 {
    let socket = std::net::UdpSocket::bind((host, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

#[test]
fn socat_with_tr_is_right_over_udp() {
    let host = "127.99.98.95";
    let port = free_port(host);
    socat_with_tr_is_right(
        &format!("UDP4-RECVFROM:{port},bind={host},fork"),
        &format!("udp://{host}:{port}"),
    );
}

#[test]
fn socat_with_tr_is_right_over_tcp() {
    let host = "127.99.98.94";
    let port = free_port(host);
    socat_with_tr_is_right(
        &format!("TCP4-LISTEN:{port},bind={host},reuseaddr,fork"),
        &format!("tcp://{host}:{port}"),
    );
}

#[test]
fn socat_with_tr_is_right_over_a_unix_stream() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socat");
    let path = path.to_str().unwrap();
    socat_with_tr_is_right(&format!("UNIX-LISTEN:{path},fork"), &format!("unix:{path}"));
}

#[test]
fn the_smallest_server_is_right() {
    let Some((_server, address)) = start_smallest_server() else {
        return;
    };
    is_asked_by_ping_and_bench(&address, "500");
}
