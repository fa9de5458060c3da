//! What `send` reads and keeps is limited, and its time grows linearly with the length of a text.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::{Ended, Served, bullhorn, joined, own, program, run};

/// Runs `send` with `arguments`, standard input from `file`, and at most this much memory.
fn send_from(file: &str, arguments: &[&str], kibibytes: usize) -> Ended {
    let script = format!("ulimit -v {kibibytes}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(program());
    command.arg("send").args(arguments);
    let output = command
        .stdin(File::open(file).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    Ended {
        code: output.status.code().expect("ended by a signal"),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn an_endless_line_to_a_datagram_socket_is_refused_with_the_limit_in_little_memory() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "udp://[::1]:0",
        own("unixgram:@bullhorn-test-endless-line").as_str(),
    ]);
    for (endpoint, limit) in served.endpoints.iter().zip(["65507", "65527", "65536"]) {
        let ended = send_from("/dev/zero", &[endpoint], 200_000);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("text 1: the text is longer") && ended.stderr.contains(limit),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.stderr.lines().count(), 1);
    }
}

#[test]
fn an_endless_line_ends_the_work_even_with_keep_going() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let ended = send_from("/dev/zero", &["--keep-going", served.endpoint()], 200_000);
    assert_eq!(ended.code, 7, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no line end within 268435456"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_endless_line_to_a_stream_is_refused_at_256_mebibytes() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let ended = send_from("/dev/zero", &[served.endpoint()], 1_000_000);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("268435456 bytes"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1);
}

#[test]
fn a_text_that_is_too_long_is_skipped_and_those_around_it_are_answered() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let lines = joined(&[b"a".to_vec(), vec![b'x'; 1_000_000], b"c".to_vec()]);
    let ended = run(
        bullhorn().args(["send", "--keep-going", served.endpoint()]),
        &lines,
    );
    assert_eq!(
        (ended.code, ended.text().as_str()),
        (1, "A\nC\n"),
        "{}",
        ended.stderr
    );
}

/// The CPU time of `send` for one line of `length` bytes.
fn cpu_time_ms(endpoint: &str, length: usize) -> u64 {
    let script = "\"$@\"; status=$?; times; exit $status";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash"]).arg(program());
    command.args(["send", "--timeout", "20s", endpoint]);
    let mut line = vec![b'a'; length];
    line.push(b'\n');
    let ended = run(&mut command, &line);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout[..length].iter().all(|byte| *byte == b'A'));
    // The last line has the user and system time of the children: 0m0.123s 0m0.045s.
    let text = String::from_utf8_lossy(&ended.stdout[length..]).into_owned();
    let times = text.lines().last().unwrap();
    let milliseconds = |time: &str| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60e3 + seconds.parse::<f64>().unwrap() * 1e3
    };
    times.split(' ').map(milliseconds).sum::<f64>() as u64
}

#[test]
fn the_time_for_a_long_line_grows_linearly_with_its_length() {
    let served = Served::start(&[
        "tcp://127.0.0.1:0",
        own("unix:@bullhorn-test-long-line").as_str(),
    ]);
    for endpoint in &served.endpoints {
        let short = cpu_time_ms(endpoint, 4_000_000);
        let long = cpu_time_ms(endpoint, 32_000_000);
        // Eight times as long: eight times the time, or 64 times where it is quadratic.
        assert!(
            long < 24 * (short + 10),
            "{endpoint}: {short} ms and {long} ms"
        );
    }
}

#[test]
fn an_unanswered_window_of_long_lines_takes_bounded_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = std::io::copy(&mut connection, &mut std::io::sink());
        }
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    let line = joined(&[vec![b'a'; 1 << 20]]);
    std::fs::write(file.path(), line.repeat(400)).unwrap();
    let path = file.path().to_str().unwrap();
    let ended = send_from(path, &["--window", "4096", &endpoint], 250_000);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
}

#[test]
fn an_endless_file_is_refused_with_the_limit() {
    for verb in ["ping", "bench"] {
        let ended = run(
            bullhorn().args([verb, "--text", "/dev/zero", "udp://127.0.0.1:9"]),
            b"",
        );
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert!(ended.stderr.contains("268435456 bytes"), "{}", ended.stderr);
    }
}
