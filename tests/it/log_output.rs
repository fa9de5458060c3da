//! Standard error and standard output of `serve` that cannot be written or is not read: the
//! service continues and ends as fast as usual.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::ends::can_be_sent;
use crate::support::{
    Running, TEST_TIMEOUT, bullhorn, clean, program, run_bullhorn, uninterrupted, wait_until,
};

/// How long the writer thread may delay the end, and what a busy machine adds.
const END: Duration = Duration::from_secs(5);

/// A free port, for a server that cannot print which one it has.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

fn serve(port: u16, options: &[&str], stderr: impl Into<Stdio>) -> Running {
    let server = Running::start(
        bullhorn()
            .args(["serve", &format!("udp://127.0.0.1:{port}"), "--workers=1"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr),
    );
    wait_until("the server answers", || is_answered(port, b"ready?"));
    server
}

fn is_answered(port: u16, text: &[u8]) -> bool {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    // Refused until the server has bound the port.
    client.send(text).is_ok()
        && uninterrupted(|| client.recv(&mut [0; 2048])).is_ok_and(|length| length == text.len())
}

/// Sends each text in turn, and asserts that each is answered.
fn ask(port: u16, count: usize) {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    for number in 0..count {
        let text = format!("text {number} {}", "x".repeat(40));
        client.send(text.as_bytes()).unwrap();
        let mut answer = [0; 128];
        let length = uninterrupted(|| client.recv(&mut answer)).expect("no answer");
        assert_eq!(&answer[..length], text.to_uppercase().as_bytes());
    }
}

/// The same text twelve times from one source, which the loop guard warns about.
fn look_like_a_loop(port: u16) {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..12 {
        client.send_to(b"PING", ("127.0.0.1", port)).unwrap();
    }
}

fn assert_ends(mut server: Running, signal: &str) {
    let begin = Instant::now();
    server.signal(signal);
    assert_eq!(server.wait().code(), Some(0));
    assert!(begin.elapsed() < END, "{:?}", begin.elapsed());
}

/// A full pipe, with its read end.
fn full_pipe() -> (PipeReader, File) {
    let (reader, writer) = io::pipe().unwrap();
    let writer = File::from(std::os::fd::OwnedFd::from(writer));
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while (&writer).write(&[b'\n'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

fn dev_full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_server_whose_log_cannot_be_written_keeps_answering() {
    for options in [&[][..], &["-v"], &["-vv"], &["--json"]] {
        for is_full in [false, true] {
            let port = free_port();
            let stderr = match is_full {
                true => Stdio::from(dev_full()),
                // The read end is closed at once.
                false => Stdio::from(io::pipe().unwrap().1),
            };
            let server = serve(port, options, stderr);
            look_like_a_loop(port);
            ask(port, 50);
            assert_ends(server, "TERM");
        }
    }
}

#[test]
fn a_server_whose_log_is_not_read_keeps_answering_and_ends_in_time() {
    for options in [&[][..], &["-v"], &["-vv"]] {
        for signal in ["TERM", "INT"] {
            let (_unread, stderr) = full_pipe();
            let port = free_port();
            let server = serve(port, options, stderr);
            look_like_a_loop(port);
            // Far more lines than the queue holds.
            ask(port, 2_000);
            assert_ends(server, signal);
        }
    }
}

#[test]
fn a_full_non_blocking_log_is_waited_for() {
    let (mut reader, stderr) = full_pipe();
    rustix::io::ioctl_fionbio(&stderr, true).unwrap();
    let port = free_port();
    let server = serve(port, &["-v"], stderr.try_clone().unwrap());
    ask(port, 10);
    // Nothing is lost once it is read.
    drop(stderr);
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    ask(port, 10);
    assert_ends(server, "TERM");
    let text = reading.join().unwrap().unwrap();
    let text = text.trim_start();
    assert!(!text.contains("dropped 1"), "{text}");
    assert_eq!(text.matches("asks \"text 7 ").count(), 2, "{text}");
    assert!(
        text.trim_end().ends_with("dropped by the kernel: 0"),
        "{text}"
    );
}

#[test]
fn dropped_lines_are_counted_where_they_are_missing_and_in_the_totals() {
    let (reader, stderr) = full_pipe();
    let port = free_port();
    let server = serve(port, &["-v"], stderr);
    ask(port, 4_000);
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    let (sender, receiver) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let (mut shown, mut dropped) = (0, 0);
        let mut last = String::new();
        for line in &mut lines {
            shown += u64::from(line.contains(" asks ") || line.contains(" gets "));
            if let Some((_, rest)) = line.split_once("warning: dropped ") {
                dropped += rest.split(' ').next().unwrap().parse::<u64>().unwrap();
                let _ = sender.send(());
            }
            last = line;
        }
        (shown, dropped, last)
    });
    // From here on the queue has room, and the next line reports what is missing.
    let begin = Instant::now();
    while receiver.try_recv().is_err() {
        assert!(
            begin.elapsed() < TEST_TIMEOUT,
            "the dropped lines are not reported"
        );
        ask(port, 1);
    }
    assert_ends(server, "TERM");
    let (shown, dropped, last) = reading.join().unwrap();
    assert!(shown >= 500 && dropped >= 1_000, "{shown} {dropped}");
    assert_eq!(last, format!("log: dropped {dropped} lines"));
    let answered = (shown + dropped) / 2;
    assert!(answered >= 4_000, "{shown} + {dropped}");
}

#[test]
fn the_ready_lines_come_before_the_log_and_the_totals_last() {
    let port = free_port();
    let mut process = bullhorn();
    process
        .args([
            "serve",
            "-v",
            "--no-sandbox",
            &format!("udp://127.0.0.1:{port}"),
        ])
        .stderr(Stdio::piped());
    // A request before it is ready causes the first line of the log.
    let asking = std::thread::spawn(move || while !is_answered(port, b"early") {});
    let mut server = Running::start(&mut process);
    let mut stderr = server.child.stderr.take().unwrap();
    asking.join().unwrap();
    ask(port, 300);
    assert_ends(server, "TERM");
    let mut text = String::new();
    stderr.read_to_string(&mut text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("ready: "), "{}", lines[0]);
    assert!(lines.last().unwrap().contains(": received "), "{text}");
    let logged = lines.iter().filter(|line| line.contains(" gets ")).count();
    assert!(logged >= 300, "{logged}");
}

#[test]
fn json_that_is_not_read_delays_neither_the_start_nor_the_end() {
    for reader_goes in [false, true] {
        let (reader, stdout) = full_pipe();
        let reader = (!reader_goes).then_some(reader);
        let port = free_port();
        let mut server = Running::start(
            bullhorn()
                .args(["serve", "--json", &format!("udp://127.0.0.1:{port}")])
                .stdout(stdout)
                .stderr(Stdio::piped()),
        );
        wait_until("the server answers", || is_answered(port, b"ready?"));
        let begin = Instant::now();
        server.signal("TERM");
        let code = server.wait().code();
        assert!(begin.elapsed() < END, "{:?}", begin.elapsed());
        let mut text = String::new();
        let stderr = server.child.stderr.take().unwrap();
        BufReader::new(stderr).read_to_string(&mut text).unwrap();
        match &reader {
            // The reader closes the pipe.
            None => assert_eq!((code, text.as_str()), (Some(0), "")),
            Some(_) => assert_eq!(
                (code, text.as_str()),
                (
                    Some(7),
                    "bullhorn: cannot write the output: nothing is reading it; the rest is lost\n"
                )
            ),
        }
    }
}

#[test]
fn json_on_a_full_disk_or_a_closed_output_is_reported_only_at_the_end() {
    for (redirection, reason) in [
        (">/dev/full", "no space left on device"),
        (">&-", "bad file descriptor"),
    ] {
        let port = free_port();
        let mut command = clean(Command::new("sh"));
        command
            .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
            .arg(program())
            .args(["serve", "--json", &format!("udp://127.0.0.1:{port}")]);
        let mut server = Running::start(command.stderr(Stdio::piped()));
        wait_until("the server answers", || is_answered(port, b"ready?"));
        ask(port, 10);
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(7));
        let mut text = String::new();
        let mut stderr = server.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        let line = format!("bullhorn: cannot write the output: {reason}\n");
        assert_eq!(text, line);
    }
}

/// Every verb's lines on standard error, where they cannot be written or are not read.
#[test]
fn a_verb_keeps_its_exit_code_when_its_error_line_is_lost() {
    for (arguments, code) in [
        (&["serve", "udp://127.0.0.1:x"][..], 2),
        (&["serve", "udp://192.0.2.1:0"], 7),
        (&["serve", "--nonsense"], 2),
        (&["send", "udp://127.0.0.1:9", "a", "--timeout=nonsense"], 2),
    ] {
        assert_eq!(run_bullhorn(arguments).code, code, "{arguments:?}");
        let (_unread, pipe) = full_pipe();
        for stderr in [dev_full(), pipe, File::from(closed_pipe())] {
            let is_open = stderr.as_fd().try_clone_to_owned().is_ok();
            let begin = Instant::now();
            let mut process = Running::start(
                bullhorn()
                    .args(arguments)
                    .stdin(Stdio::null())
                    .stderr(stderr),
            );
            assert_eq!(process.wait().code(), Some(code), "{arguments:?}");
            assert!(is_open && begin.elapsed() < END, "{:?}", begin.elapsed());
        }
    }
}

fn closed_pipe() -> std::os::fd::OwnedFd {
    io::pipe().unwrap().1.into()
}

/// A terminal that hangs up, as when an ssh session ends: its server gets SIGHUP and can no longer
/// write.
#[test]
fn a_server_whose_terminal_is_closed_continues_or_ends_according_to_its_signals() {
    let Some(python) = crate::support::find_program("python3") else {
        return;
    };
    for (is_session, options) in [(false, ""), (false, "-v"), (true, "-v")] {
        if is_session && !can_be_sent("HUP", 1) {
            continue;
        }
        let port = free_port();
        // The server reads and writes a terminal, whose session it belongs to or not: only then
        // does it get SIGHUP.
        let script = format!(
            "import os, pty, sys, time\n\
             master, slave = pty.openpty()\n\
             pid = os.fork()\n\
             if pid == 0:\n\
             \x20   os.close(master)\n\
             \x20   if {is_session}: os.login_tty(slave)\n\
             \x20   else:\n\
             \x20       for fd in (0, 1, 2): os.dup2(slave, fd)\n\
             \x20   os.execv(sys.argv[1], [a for a in sys.argv[1:] if a])\n\
             os.close(slave)\n\
             print(pid, flush=True)\n\
             sys.stdin.readline()\n\
             os.close(master)\n\
             print('closed', flush=True)\n\
             print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)\n",
            is_session = if is_session { "True" } else { "False" },
        );
        let mut command = crate::support::clean(std::process::Command::new(&python));
        command
            .args(["-c", &script])
            .arg(crate::support::program())
            .args(["serve", &format!("udp://127.0.0.1:{port}"), options])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut terminal = Running::start(&mut command);
        let mut lines = BufReader::new(terminal.child.stdout.take().unwrap()).lines();
        let pid = lines.next().unwrap().unwrap();
        wait_until("the server answers", || is_answered(port, b"ready?"));
        let mut stdin = terminal.child.stdin.take().unwrap();
        stdin.write_all(b"\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "closed");
        if !is_session {
            look_like_a_loop(port);
            ask(port, 50);
            let killed = std::process::Command::new("sh")
                .args(["-c", &format!("kill -TERM {pid}")])
                .status();
            assert!(killed.unwrap().success());
        }
        assert_eq!(
            lines.next().unwrap().unwrap(),
            "0",
            "{is_session} {options}"
        );
    }
}
