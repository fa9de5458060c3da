//! Output never harms the work: every verb with a standard output that is closed, full, blocked or
//! gone, and the files that are opened before a run.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, PipeReader, PipeWriter, Read, Write, pipe};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::pty::OpenptFlags;
use serde_json::Value;

use crate::support::{
    Ended, Running, Served, TEST_TIMEOUT, bullhorn, closed_port, find_program, program, run,
    run_bullhorn, wait_until,
};

/// A command line and its exit code, regardless of what happens to its output.
type Case = (Vec<String>, i32);

/// A case for each way in which a verb writes to standard output.
fn cases(served: &Served) -> Vec<Case> {
    let dead = format!("udp://{}", closed_port());
    let (asked, dead) = (served.endpoint(), dead.as_str());
    let cases: [(&[&str], i32); 17] = [
        (&["send", asked, "a", "b"], 0),
        (&["send", "--json", asked, "a"], 0),
        (&["send", "--json", dead, "a"], 4),
        (&["ping", asked, "-i", "1ms", "-c", "3"], 0),
        (&["ping", "-q", asked, "-i", "1ms", "-c", "3"], 0),
        (&["ping", "--json", dead, "-i", "1ms", "-c", "3"], 4),
        (&["ping", dead, "--expect", "answer"], 4),
        (&["bench", asked, "--count", "100"], 0),
        (
            &[
                "bench",
                "--json",
                asked,
                "--count",
                "100",
                "--fail-if",
                "p50>1ns",
            ],
            1,
        ),
        (&["demo"], 0),
        (&["demo", "--json"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["--help"], 0),
        (&["help", "ping"], 0),
        (&["bench", "-h"], 0),
        (&["--version"], 0),
    ];
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    cases.map(|(words, code)| (owned(words), code)).into()
}

/// `bullhorn` with this standard output.
fn start(arguments: &[String], stdout: impl Into<Stdio>) -> Running {
    start_command(bullhorn().args(arguments), stdout)
}

fn start_command(command: &mut Command, stdout: impl Into<Stdio>) -> Running {
    command.stdin(Stdio::null()).stdout(stdout);
    Running::start(command.stderr(Stdio::piped()))
}

/// The exit code, and what was printed on standard error.
fn end(mut process: Running) -> (Option<i32>, String) {
    let code = process.wait().code();
    let mut stderr = String::new();
    let mut from = process.child.stderr.take().unwrap();
    from.read_to_string(&mut stderr).unwrap();
    (code, stderr)
}

/// Asserts the verb's own exit code, and no message about the output.
fn assert_unharmed((arguments, code): &Case, process: Running) {
    let (ended, stderr) = end(process);
    assert_eq!(ended, Some(*code), "{arguments:?} {stderr}");
    assert!(!stderr.contains("output"), "{arguments:?} {stderr}");
}

/// Asserts the verb's own exit code or 7, and one line that gives the reason.
fn assert_reported((arguments, code): &Case, reason: &str, process: Running) {
    let (ended, stderr) = end(process);
    let code = if *code == 0 { 7 } else { *code };
    assert_eq!(ended, Some(code), "{arguments:?} {stderr}");
    let line = format!("bullhorn: cannot write the output: {reason}");
    let found = stderr.lines().filter(|found| found.starts_with(&line));
    assert_eq!(found.count(), 1, "{arguments:?} {stderr}");
}

/// A full pipe.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    fill(&mut writer);
    (reader, writer)
}

/// Fills a pipe or a terminal until it takes nothing more: the kernel moves what is written to a
/// terminal on later, and so makes room again.
fn fill(writer: &mut (impl Write + AsFd)) {
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(300) {
        if writer.write(&[b'\n'; 4096]).is_ok() {
            last = Instant::now();
        } else {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
}

/// Waits until the writer thread exists and sleeps.
fn wait_until_blocked(process: &Running) {
    let tasks = format!("/proc/{}/task", process.child.id());
    wait_until("the output is blocked", || {
        let tasks = std::fs::read_dir(&tasks).expect("no /proc");
        tasks.flatten().any(|task| {
            let stat = std::fs::read_to_string(task.path().join("stat"));
            stat.is_ok_and(|stat| stat.contains("(output) S"))
        })
    });
}

/// What comes out after the bytes that [`fill`] wrote.
fn read_rest(mut from: impl Read + Send + 'static) -> String {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // A terminal that programs have left ends with an error (EIO).
        let _ = from.read_to_end(&mut text);
        let _ = sender.send(text);
    });
    let text = receiver
        .recv_timeout(TEST_TIMEOUT)
        .expect("no end of output");
    let text = String::from_utf8(text).expect("no UTF-8");
    text.trim_start_matches(['\r', '\n']).to_owned()
}

#[test]
fn a_closed_pipe_changes_nothing() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for case in cases(&served) {
        let (_, writer) = pipe().unwrap();
        assert_unharmed(&case, start(&case.0, writer));
    }
}

#[test]
fn a_full_disk_is_reported_in_one_line() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for case in cases(&served) {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert_reported(&case, "no space left on device", start(&case.0, full));
    }
}

#[test]
fn a_file_size_limit_is_reported_in_one_line() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    for case in cases(&served) {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""]);
        command.arg(program()).args(&case.0);
        let process = start_command(&mut command, file.reopen().unwrap());
        assert_reported(&case, "file too large", process);
    }
}

#[test]
fn a_closed_standard_output_is_reported_in_one_line() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for case in cases(&served) {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" >&-"]);
        command.arg(program()).args(&case.0);
        let process = start_command(&mut command, Stdio::null());
        assert_reported(&case, "bad file descriptor", process);
    }
}

#[test]
fn a_closed_terminal_is_reported_in_one_line() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for case in cases(&served) {
        let terminal = closed_terminal();
        assert_reported(&case, "input/output error", start(&case.0, terminal));
    }
}

/// A terminal: its master side, and the side of its programs.
fn terminal() -> (OwnedFd, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let window = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&window).unwrap();
    rustix::pty::unlockpt(&window).unwrap();
    let name = rustix::pty::ptsname(&window, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap());
    (window, terminal.unwrap())
}

/// The side of the programs, after the master side is closed.
fn closed_terminal() -> File {
    let (window, terminal) = terminal();
    drop(window);
    wait_until("the terminal is gone", || !terminal.is_terminal());
    terminal
}

#[test]
fn nothing_to_print_is_not_an_output_failure() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" >&-"]);
    command.arg(program()).arg("send");
    command.args([&format!("udp://{}", closed_port()), "a"]);
    let (code, stderr) = end(start_command(&mut command, Stdio::null()));
    assert_eq!((code, stderr.lines().count()), (Some(4), 1), "{stderr}");
}

#[test]
fn a_slow_reader_gets_all_output_from_a_blocking_and_from_a_non_blocking_pipe() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for is_nonblocking in [false, true] {
        for case in cases(&served) {
            let (reader, writer) = full_pipe();
            rustix::io::ioctl_fionbio(&writer, is_nonblocking).unwrap();
            let process = start(&case.0, writer);
            wait_until_blocked(&process);
            let text = read_rest(reader);
            assert_unharmed(&case, process);
            let direct = run_bullhorn(&case.0).text();
            let lines = |text: &str| text.lines().count();
            match case.0[0].as_str() {
                // The histogram has a line for each non-empty bucket.
                "bench" if !case.0.contains(&"-h".to_owned()) => {
                    assert!(lines(&text) > 0, "{case:?}");
                }
                "send" | "ping" | "demo" => assert_eq!(lines(&text), lines(&direct), "{case:?}"),
                _ => assert!(text == direct, "{case:?}"),
            }
        }
    }
}

#[test]
fn a_pipe_that_is_never_read_delays_ping_and_bench_only_briefly() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let has_end = |case: &Case| ["ping", "bench"].contains(&case.0[0].as_str());
    let cases = cases(&served).into_iter().filter(has_end);
    let started = cases.filter(|case| !case.0.contains(&"-h".to_owned()));
    let started: Vec<_> = started
        .map(|case| {
            let (reader, writer) = full_pipe();
            let process = start(&case.0, writer);
            (case, process, reader)
        })
        .collect();
    for (case, process, _reader) in started {
        assert_reported(&case, "nothing is reading it", process);
    }
}

#[test]
fn a_signal_ends_every_verb_within_a_second_even_if_its_output_is_not_read() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let asked = served.endpoint();
    for (arguments, signal) in [
        (vec!["ping", asked, "-i", "1ms"], "TERM"),
        (vec!["ping", "--json", asked, "-i", "1ms"], "INT"),
        (vec!["bench", asked, "-d", "60s"], "TERM"),
        (vec!["send", asked, "a"], "TERM"),
        (vec!["demo"], "INT"),
        (vec!["man"], "TERM"),
    ] {
        let (_reader, writer) = full_pipe();
        let mut process = start_command(bullhorn().args(&arguments), writer);
        match arguments[0] {
            "bench" => wait_until("bench listens for signals", || {
                let status = format!("/proc/{}/status", process.child.id());
                let status = std::fs::read_to_string(status).unwrap();
                let caught = status.lines().find(|line| line.starts_with("SigCgt"));
                let caught = caught.and_then(|line| line.split_whitespace().nth(1));
                let caught = u64::from_str_radix(caught.unwrap_or("0"), 16).unwrap();
                caught & 1 << (15 - 1) != 0
            }),
            _ => wait_until_blocked(&process),
        }
        let signalled = Instant::now();
        process.signal(signal);
        process.wait();
        let passed = signalled.elapsed();
        assert!(passed < Duration::from_secs(1), "{arguments:?} {passed:?}");
    }
}

/// Answers this many lines of a connection, and keeps it open as long as the returned value lives.
fn answer_lines(listener: &TcpListener, number: usize) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    for line in BufReader::new(&stream).split(b'\n').take(number) {
        let answer = [&line.unwrap().to_ascii_uppercase()[..], b"\n"].concat();
        (&stream).write_all(&answer).unwrap();
    }
    stream
}

#[test]
fn the_live_line_of_a_blocked_terminal_is_not_queued() {
    const PROBES: usize = 400;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let (window, mut terminal) = terminal();
    fill(&mut terminal);
    let arguments = ["ping", &endpoint, "-i", "1ms", "-W", "60s", "-c", "400"];
    let process = start(&arguments.map(str::to_owned), terminal);
    let _connection = answer_lines(&listener, PROBES);
    let shown = read_rest(File::from(window));
    assert_eq!(end(process).0, Some(0), "{shown}");
    assert!(shown.contains("400 sent = 400 ok"), "{shown}");
    // A live line may be drawn before the summary is printed.
    assert!(shown.matches("\x1b[K").count() <= 2, "{shown:?}");
}

#[test]
fn ping_keeps_its_schedule_and_counts_what_it_does_not_print() {
    const PROBES: usize = 4_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let (reader, writer) = full_pipe();
    let count = PROBES.to_string();
    let mut command = bullhorn();
    command.args(["ping", "--json", &endpoint, "-i", "250us", "-W", "60s"]);
    let process = start_command(command.args(["-c", &count]), writer);
    // It holds an end of the pipe too.
    drop(command);
    let _connection = answer_lines(&listener, PROBES);
    // Every probe was sent while nothing was read.
    let text = read_rest(reader);
    let (code, stderr) = end(process);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("no JSON"))
        .collect();
    assert_eq!(lines[0]["event"], "begin");
    let answers = lines.iter().filter(|line| line["event"] == "answer");
    let summary = lines.last().unwrap();
    assert_eq!(summary["ok"], PROBES, "{summary}");
    let dropped = summary["output_dropped"].as_u64().unwrap() as usize;
    assert!(dropped > 0, "{summary}");
    let events = answers.count() + dropped;
    // A busy machine may hold the prober up, which is an event too.
    match summary["skipped"] == 0 {
        true => assert_eq!(events, PROBES, "{summary}"),
        false => assert!(events >= PROBES, "{summary}"),
    }
}

#[test]
fn an_exceeded_threshold_and_the_page_survive_a_closed_pipe() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("page.html");
    std::fs::write(&path, "x".repeat(1 << 20)).unwrap();
    let mut command = bullhorn();
    command.args(["bench", served.endpoint(), "--count", "100"]);
    command.args(["--fail-if", "p50>1ns", "--html"]).arg(&path);
    let (_, writer) = pipe().unwrap();
    let (code, stderr) = end(start_command(&mut command, writer));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("threshold exceeded: p50"), "{stderr}");
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!") && page.trim_end().ends_with("</html>"));
}

#[test]
fn files_are_opened_before_the_run_and_named_in_errors() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let endpoint = format!("udp://{}", socket.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing/file");
    let malformed = directory.path().join("malformed");
    std::fs::write(&malformed, b"\xff\xfe").unwrap();
    for (verb, flag, path, code) in [
        ("bench", "--html", &missing, 7),
        ("bench", "--html", &directory.path().to_owned(), 7),
        ("bench", "--baseline", &missing, 7),
        ("bench", "--baseline", &malformed, 2),
        ("bench", "--text", &missing, 7),
        ("ping", "--text", &missing, 7),
    ] {
        let ended = run(bullhorn().args([verb, &endpoint, flag]).arg(path), b"");
        assert_eq!(ended.code, code, "{verb} {flag} {}", ended.stderr);
        assert_one_line_with(&ended, path.to_str().unwrap());
        assert!(socket.recv(&mut [0; 1]).is_err(), "{verb} {flag}");
    }
    let ended = run(bullhorn().arg("man").arg(&missing), b"");
    assert_eq!(ended.code, 7);
    assert_one_line_with(&ended, missing.to_str().unwrap());
}

fn assert_one_line_with(ended: &Ended, words: &str) {
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn an_earlier_page_stays_when_the_run_fails() {
    let page = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(page.path(), "earlier").unwrap();
    let mut command = bullhorn();
    command.args(["bench", &format!("tcp://{}", closed_port()), "--html"]);
    let ended = run(command.arg(page.path()), b"");
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(page.path()).unwrap(), "earlier");
}

#[test]
fn a_page_that_cannot_be_written_is_named_and_keeps_the_exit_code() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for (threshold, code) in [("p50>1ns", 1), ("p50>1h", 7)] {
        let mut command = bullhorn();
        command.args(["bench", served.endpoint(), "--count", "100"]);
        command.args(["--fail-if", threshold, "--html", "/dev/full"]);
        let ended = run(&mut command, b"");
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(ended.stderr.contains("/dev/full"), "{}", ended.stderr);
    }
}

#[test]
fn no_prompt_is_among_the_answers_in_a_pipe() {
    let Some(script) = find_program("script") else {
        return;
    };
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let directory = tempfile::tempdir().unwrap();
    let answers = directory.path().join("answers");
    let send = format!(
        "'{}' send {} >'{}'",
        program().display(),
        served.endpoint(),
        answers.display()
    );
    let mut command = Command::new(script);
    command.args(["-qec", &send, "/dev/null"]);
    let ended = run(&mut command, b"typed\n\x04");
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert_eq!(std::fs::read_to_string(answers).unwrap(), "TYPED\n");
}

#[test]
fn a_standard_error_that_cannot_be_written_changes_no_exit_code_and_delays_no_verb() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let dead = format!("udp://{}", closed_port());
    let (asked, dead) = (served.endpoint(), dead.as_str());
    let cases: [(&[&str], i32); 8] = [
        (&["send", "-vv", asked, "a"], 0),
        (&["send", dead, "a"], 4),
        (&["ping", "-vv", asked, "-i", "1ms", "-c", "20"], 0),
        (&["ping", dead, "--expect", "answer"], 4),
        (
            &["bench", asked, "--count", "100", "--fail-if", "p50>1ns"],
            1,
        ),
        (&["bench", dead, "--count", "1"], 4),
        (&["demo", "-vv"], 0),
        (&["ping", "--no-such-flag"], 2),
    ];
    for (arguments, code) in cases {
        let (reader, full) = full_pipe();
        let (_, gone) = pipe().unwrap();
        let disk = File::options().write(true).open("/dev/full").unwrap();
        let (full_too, full_without_waiting) = full_pipe();
        rustix::io::ioctl_fionbio(&full_without_waiting, true).unwrap();
        let targets: [OwnedFd; 5] = [
            closed_terminal().into(),
            gone.into(),
            full.into(),
            full_without_waiting.into(),
            disk.into(),
        ];
        for stderr in targets {
            let mut command = bullhorn();
            command.args(arguments).stdin(Stdio::null());
            let begin = Instant::now();
            let mut process = Running::start(command.stdout(Stdio::null()).stderr(stderr));
            assert_eq!(process.wait().code(), Some(code), "{arguments:?}");
            assert!(begin.elapsed() < Duration::from_secs(20), "{arguments:?}");
        }
        drop((reader, full_too));
    }
}
