//! Descriptors are reserved for the metrics, however many the clients of the service use up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Served, TEST_TIMEOUT, bullhorn, clean, find_program, wait_until};

/// A server with this descriptor limit, and the address of its metrics.
fn serve(descriptors: u64, arguments: &[&str]) -> Option<(Served, String)> {
    let mut command = clean(Command::new(find_program("prlimit")?));
    command.arg(format!("--nofile={descriptors}"));
    command.arg(bullhorn().get_program());
    command.args(["serve", "--json", "--metrics", "127.0.0.1:0"]);
    command.args(arguments).stdin(Stdio::null());
    let endpoints = arguments.iter().filter(|it| it.contains(':')).count();
    let mut served = Served::start_command(&mut command, endpoints);
    let line = served.read_line();
    let endpoint = line["endpoint"].as_str().unwrap();
    let address = endpoint.strip_prefix("tcp://").unwrap().to_owned();
    Some((served, address))
}

fn is_alive(metrics: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(metrics)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    ask().is_ok_and(|answer: String| answer.starts_with("HTTP/1.1 200"))
}

fn is_answered(stream: &mut (impl Read + Write)) -> bool {
    let mut answer = [0];
    stream.write_all(b"a").is_ok() && matches!(stream.read(&mut answer), Ok(1)) && answer == *b"A"
}

#[test]
fn idle_clients_that_take_all_descriptors_leave_the_liveness_checks_passing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let unix = format!("unix:{}", path.display());
    let Some((served, metrics)) = serve(40, &["tcp://127.0.0.1:0", &unix]) else {
        return;
    };
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream
    };
    let mut first = connect();
    assert!(is_answered(&mut first));
    let idle: Vec<TcpStream> = (0..60).map(|_| connect()).collect();
    let idle_unix: Vec<_> = (0..60).map(|_| UnixStream::connect(&path)).collect();
    let failed = (0..20).filter(|_| !is_alive(&metrics)).count();
    assert_eq!(failed, 0, "of 20");
    // Connected clients are answered, and waiting ones are accepted when a descriptor is free.
    assert!(is_answered(&mut first));
    let mut waiting = connect();
    drop((idle, idle_unix));
    assert!(is_answered(&mut waiting));
    let totals = served.stop();
    assert_eq!(totals.code, Some(0));
    let lines: Vec<_> = totals.stderr.lines().collect();
    let warning = "bullhorn: warning: the limit of 40 descriptors leaves room for ";
    assert!(lines[0].starts_with(warning), "{lines:?}");
    assert!(lines[0].contains("instead of 10000"), "{lines:?}");
}

#[test]
fn a_limit_that_leaves_room_for_all_connections_is_not_mentioned() {
    let arguments = ["tcp://127.0.0.1:0", "--max-connections", "20"];
    let Some((served, metrics)) = serve(100, &arguments) else {
        return;
    };
    wait_until("the server is alive", || is_alive(&metrics));
    assert_eq!(served.stop().stderr, "");
}
