//! The socket calls that `-vv` logs are those that the program makes, as strace(1) sees them.

use std::collections::{HashMap, HashSet};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Served, bullhorn, run, skipped};
use crate::support_strace::tracer;

/// The calls of which every successful one is logged. Others are logged where the lesson needs them.
const CALLS: [&str; 12] = [
    "socket", "bind", "listen", "connect", "accept4", "sendto", "sendmsg", "sendmmsg", "recvfrom",
    "recvmsg", "recvmmsg", "shutdown",
];

/// The calls in a log of `-vv`, in order, with the capacity of a recvmmsg.
fn logged(log: &str) -> Vec<String> {
    let successful = log.lines().filter(|line| !line.contains(" = -1 "));
    let mut calls = Vec::new();
    for (name, arguments) in successful.filter_map(|line| line.split_once('(')) {
        // Functions of the C library that the kernel knows as calls with an address.
        let name = match name {
            "send" => "sendto",
            "recv" => "recvfrom",
            name => name,
        };
        if name == "recvmmsg" {
            let (arguments, _) = arguments.split_once(')').unwrap();
            calls.push(format!("{name} {}", arguments.split_once(", ").unwrap().1));
        } else if CALLS.contains(&name) {
            calls.push(name.to_owned());
        }
    }
    calls
}

/// The same calls in a log of strace, on sockets that the program created, accepted or inherited as
/// descriptor 3. A stopping server wakes its workers by a shutdown for reading, which is not logged.
fn traced(log: &str) -> Vec<String> {
    let mut sockets = HashSet::from(["3".to_owned()]);
    let mut unfinished = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let (thread, event) = line.split_once(' ').unwrap();
        let call = if let Some(begin) = event.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, begin.trim_start());
            continue;
        } else if let Some((_, end)) = event.split_once(" resumed>") {
            format!("{}{end}", unfinished.remove(thread).unwrap())
        } else {
            event.trim_start().to_owned()
        };
        let Some((call, result)) = call.rsplit_once(" = ") else {
            continue;
        };
        let (name, arguments) = call.split_once('(').unwrap();
        let result = result.split(' ').next().unwrap();
        let has_failed = result.starts_with(['-', '?']) && !line.contains("EINPROGRESS");
        let is_wake_up = arguments.contains("SHUT_RD)")
            || (name, result) == ("recvmsg", "0") && arguments.contains("CMSG_CLOEXEC");
        if has_failed || is_wake_up {
            continue;
        }
        let descriptor = arguments.split([',', ')']).next().unwrap();
        let is_of_socket = sockets.contains(descriptor);
        match name {
            "socket" | "accept4" => _ = sockets.insert(result.to_owned()),
            "fcntl" if is_of_socket && arguments.contains("F_DUPFD") => {
                sockets.insert(result.to_owned());
                continue;
            }
            "close" => {
                sockets.remove(descriptor);
                continue;
            }
            name if !CALLS.contains(&name) || !is_of_socket => continue,
            _ => {}
        }
        if name == "recvmmsg" {
            // recvmmsg(descriptor, messages, capacity, flags, timeout)
            calls.push(format!("{name} {}", arguments.rsplit(", ").nth(2).unwrap()));
        } else {
            calls.push(name.to_owned());
        }
    }
    calls
}

/// The program under strace, which writes to `log`; `None` where it cannot be traced.
fn traced_bullhorn(log: &Path) -> Option<Command> {
    const TRACED: [&str; 1] = ["trace=network,close,fcntl"];
    let works = tracer(log, &TRACED)?.arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped("strace is not permitted to trace here");
        return None;
    }
    let mut command = tracer(log, &TRACED)?;
    command.arg(bullhorn().get_program());
    Some(command)
}

/// Asserts that the log of `-vv` in `stderr` has the calls in strace's `log`.
fn assert_same_calls(stderr: &str, log: &Path) {
    let (shown, trace) = (logged(stderr), std::fs::read_to_string(log).unwrap());
    assert_eq!(shown, traced(&trace), "{stderr}\n{trace}");
    assert!(shown.len() >= 4, "{stderr}");
}

#[test]
fn serve_and_send_log_the_calls_that_strace_sees() {
    let directory = tempfile::tempdir().unwrap();
    let (server_log, client_log) = (directory.path().join("s"), directory.path().join("c"));
    let unix = |scheme| format!("{scheme}:{}", directory.path().join(scheme).display());
    for arguments in [
        &["udp://127.0.0.1:0"][..],
        &[
            "udp://127.0.0.1:0",
            "--backend",
            "batched",
            "--workers",
            "1",
        ],
        &["tcp://127.0.0.1:0"],
        &[unix("unix").as_str()],
        &[unix("unixpacket").as_str()],
        &[unix("unixgram").as_str()],
    ] {
        let Some(mut server) = traced_bullhorn(&server_log) else {
            return;
        };
        server.args(["serve", "--json", "-vv"]).args(arguments);
        let served = Served::start_command(&mut server, 1);
        let mut client = traced_bullhorn(&client_log).expect("traced before");
        client.args(["send", "-vv", served.endpoint(), "one", "two"]);
        let sent = run(&mut client, b"");
        assert_eq!(sent.code, 0, "{}", sent.stderr);
        assert_same_calls(&sent.stderr, &client_log);
        assert_same_calls(&served.stop().stderr, &server_log);
    }
}

#[test]
fn a_logged_recvmmsg_has_the_capacity_of_the_call() {
    const TEXTS: usize = 200;
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(held.local_addr().unwrap()).unwrap();
    for _ in 0..TEXTS {
        client.send(b"text").unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let Some(traced) = traced_bullhorn(&log) else {
        return;
    };
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null"]);
    command.arg(traced.get_program()).args(traced.get_args());
    command.args(["serve", "--json", "-vv", "--backend", "batched", "fd:3"]);
    command.stdin(Stdio::from(OwnedFd::from(held)));
    let served = Served::start_command(&mut command, 1);
    for _ in 0..TEXTS {
        client.recv(&mut [0; 8]).unwrap();
    }
    let stderr = served.stop().stderr;
    assert!(
        logged(&stderr).contains(&"recvmmsg 64".to_owned()),
        "{stderr}"
    );
    assert_same_calls(&stderr, &log);
}
