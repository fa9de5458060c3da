//! `send`: the answers are complete, in order and right; and the exit code when they are not.

use std::io::Read;
use std::net::UdpSocket;

use crate::support::{
    Running, Served, bullhorn, capitals, closed_port, joined, mixed_lines, own, program, run,
    run_bullhorn,
};

fn all_come_back_over(endpoint: &str) {
    let served = Served::start(&[endpoint]);
    let lines = mixed_lines(100_000);
    let expected: Vec<_> = lines.iter().map(|line| capitals(line)).collect();
    let ended = run(
        bullhorn().args(["send", served.endpoint()]),
        &joined(&lines),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout == joined(&expected), "answers differ");
    let totals = served.stop();
    assert_eq!(totals.code, Some(0));
    assert_eq!(totals.summary["received"], totals.summary["answered"]);
}

#[test]
fn a_hundred_thousand_mixed_lines_come_back_over_udp() {
    all_come_back_over("udp://127.0.0.1:0");
}

#[test]
fn a_hundred_thousand_mixed_lines_come_back_over_tcp() {
    all_come_back_over("tcp://[::1]:0");
}

#[test]
fn a_hundred_thousand_mixed_lines_come_back_over_unix() {
    all_come_back_over(own("unix:@bullhorn-test-send-stream").as_str());
}

#[test]
fn a_hundred_thousand_mixed_lines_come_back_over_unixgram() {
    all_come_back_over(own("unixgram:@bullhorn-test-send-datagram").as_str());
}

#[test]
fn a_hundred_thousand_mixed_lines_come_back_over_unixpacket() {
    all_come_back_over(own("unixpacket:@bullhorn-test-send-packet").as_str());
}

#[test]
fn texts_from_the_arguments_are_answered_in_order() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let ended = run_bullhorn(["send", served.endpoint(), "one", "", "drei größen"]);
    assert_eq!(
        (ended.code, ended.text().as_str()),
        (0, "ONE\n\nDREI GRÖSSEN\n")
    );
}

#[test]
fn empty_lines_are_answered_over_every_type() {
    let served = Served::start(&[
        "udp://[::1]:0",
        "tcp://127.0.0.1:0",
        own("unixpacket:@bullhorn-test-empty").as_str(),
        own("unixgram:@bullhorn-test-empty").as_str(),
    ]);
    for endpoint in &served.endpoints {
        let ended = run(bullhorn().args(["send", endpoint]), b"\n\na\n\n");
        assert_eq!(
            (ended.code, ended.text().as_str()),
            (0, "\n\nA\n\n"),
            "{endpoint}"
        );
    }
}

#[test]
fn the_longest_datagram_is_sent_and_one_byte_more_is_refused_with_its_line_number() {
    let served = Served::start(&["udp://127.0.0.1:0", "udp://[::1]:0"]);
    for (endpoint, limit) in served.endpoints.iter().zip([65_507, 65_527]) {
        let longest = vec![b'x'; limit];
        let ended = run(
            bullhorn().args(["send", endpoint]),
            &joined(&[b"a".to_vec(), longest.clone()]),
        );
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout, joined(&[b"A".to_vec(), vec![b'X'; limit]]));
        let mut longer = longest;
        longer.push(b'x');
        let ended = run(
            bullhorn().args(["send", endpoint]),
            &joined(&[b"a".to_vec(), longer]),
        );
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("text 2:") && ended.stderr.contains(&limit.to_string()),
            "{}",
            ended.stderr
        );
        assert_eq!(ended.text(), "A\n");
    }
    served.stop().assert_datagrams(6, 6, 0);
}

#[test]
fn a_closed_port_is_refused_at_once() {
    for scheme in ["udp", "tcp"] {
        let begin = std::time::Instant::now();
        let ended = run_bullhorn([
            "send",
            &format!("{scheme}://{}", closed_port()),
            "--timeout",
            "50s",
            "a",
        ]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert!(ended.stderr.contains("refused"), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1);
        assert!(begin.elapsed().as_secs() < 40);
    }
}

#[test]
fn silence_exits_5_with_the_number_of_the_line() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", silent.local_addr().unwrap());
    let ended = run_bullhorn([
        "send",
        &endpoint,
        "--timeout",
        "10ms",
        "--retries",
        "1",
        "a",
    ]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("text 1: no answer") && ended.stderr.contains("2 tries"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_wrong_answer_is_shown_and_exits_3() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", echo.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, peer)) = echo.recv_from(&mut buffer) {
            let _ = echo.send_to(&buffer[..length], peer);
        }
    });
    let ended = run_bullhorn(["send", &endpoint, "hello"]);
    assert_eq!(
        (ended.code, ended.text().as_str()),
        (3, "hello\n"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("echo"), "{}", ended.stderr);
}

#[test]
fn keep_going_reports_how_many_failed_and_exits_1() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let lines = joined(&[b"a".to_vec(), vec![b'x'; 70_000], b"c".to_vec()]);
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
    assert!(
        ended
            .stderr
            .contains("3 sent: 2 correct, 0 wrong, 1 unanswered"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_name_that_does_not_resolve_exits_6_with_one_line() {
    let ended = run_bullhorn(["send", "udp://no-such-host.invalid:3000", "a"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1);
    assert!(
        ended.stderr.contains("no-such-host.invalid"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_address_in_use_for_a_name_is_printed() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let ended = run_bullhorn([
        "send",
        "-4",
        &format!("tcp://localhost:{}", served.port(0)),
        "a",
    ]);
    assert_eq!(
        (ended.code, ended.text().as_str()),
        (0, "A\n"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("using tcp://127.0.0.1:"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_line_is_answered_before_the_next_one_is_typed() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    for endpoint in ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"] {
        let served = Served::start(&[endpoint]);
        let mut command = bullhorn();
        command
            .args(["send", served.endpoint()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut sending = crate::support::Running::start(&mut command);
        let mut stdin = sending.child.stdin.take().unwrap();
        let mut stdout = BufReader::new(sending.child.stdout.take().unwrap());
        for line in ["first", "second"] {
            crate::support::write_line(&mut stdin, line);
            let mut answer = String::new();
            stdout.read_line(&mut answer).unwrap();
            assert_eq!(answer.trim_end(), line.to_uppercase());
        }
        drop(stdin);
        assert_eq!(sending.wait().code(), Some(0));
    }
}

#[test]
fn a_closed_pipe_does_not_end_send() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let script = format!(
        "seq 100000 | {{ '{}' send {}; echo code $? >&2; }} | head -n 1",
        program().display(),
        served.endpoint()
    );
    let ended = run(std::process::Command::new("sh").args(["-c", &script]), b"");
    assert_eq!(
        (ended.text().as_str(), ended.stderr.as_str()),
        ("1\n", "code 0\n")
    );
    let received = served.stop().summary["received"].as_u64().unwrap();
    assert!(received >= 100_000, "{received}");
}

#[test]
fn on_a_terminal_an_answer_is_printed_after_its_socket_calls() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let texts: Vec<_> = (0..300).map(|number| format!("text {number}.")).collect();
    let mut command = bullhorn();
    command
        .args(["send", "-vv", served.endpoint()])
        .args(&texts);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut running = Running::start(&mut command);
    drop(command);
    let mut shown = String::new();
    reader.read_to_string(&mut shown).unwrap();
    assert_eq!(running.wait().code(), Some(0));
    let lines: Vec<_> = shown.lines().collect();
    for text in texts {
        let answer = text.to_uppercase();
        let received = format!("\"{answer}\"");
        let position = |wanted: &dyn Fn(&str) -> bool| lines.iter().position(|line| wanted(line));
        let call = position(&|line| line.starts_with("recv(") && line.ends_with(&received));
        let printed = position(&|line| line == answer);
        assert!(
            call.is_some() && call < printed,
            "{text} {call:?} {printed:?}\n{shown}"
        );
    }
}
