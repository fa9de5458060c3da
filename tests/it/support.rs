//! What the tests share: the program, a running server, and the report that something is missing.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "the modules for Linux use all of it")
)]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes on a busy machine; a test that waits this long has failed.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The program under test, without Bullhorn's settings in the environment of the tests.
pub fn bullhorn() -> Command {
    clean(Command::new(program()))
}

/// The path of the program under test: `BULLHORN_UNDER_TEST`, or the one that Cargo built with the tests.
pub fn program() -> PathBuf {
    std::env::var_os("BULLHORN_UNDER_TEST")
        .map_or_else(|| env!("CARGO_BIN_EXE_bullhorn").into(), PathBuf::from)
}

/// Removes Bullhorn's settings from a command's environment.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let service_manager = ["LISTEN_", "NOTIFY_", "WATCHDOG_"];
        if name.starts_with("BULLHORN_") || service_manager.iter().any(|its| name.starts_with(its))
        {
            command.env_remove(name);
        }
    }
    command
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last line of JSON.
    pub fn summary(&self) -> Value {
        let text = self.text();
        serde_json::from_str(text.lines().last().expect("no output")).expect("no JSON")
    }
}

/// Runs a command to its end with `stdin`, at most [`TEST_TIMEOUT`] long.
pub fn run(command: &mut Command, stdin: &[u8]) -> Ended {
    let output = assert_cmd::Command::from_std(std::mem::replace(command, Command::new("true")))
        .write_stdin(stdin)
        .timeout(TEST_TIMEOUT)
        .output()
        .expect("the program does not start");
    Ended {
        code: output
            .status
            .code()
            .expect("ended by a signal or the time limit"),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs `bullhorn` with these arguments and nothing on standard input.
pub fn run_bullhorn<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
    run(bullhorn().args(arguments), b"")
}

/// A child process that does not outlive the test.
pub struct Running {
    pub child: Child,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self {
            child: command.spawn().expect("the program does not start"),
        }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .expect("no sh");
        assert!(status.success(), "kill -{name} failed");
        if name == "STOP" {
            // Threads stop one by one, and running ones not at once.
            wait_until("every thread has stopped", || self.is_stopped());
        }
    }

    fn is_stopped(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        tasks.expect("no /proc").all(|task| {
            let stat = std::fs::read_to_string(task.expect("no task").path().join("stat"));
            // pid (name) state ...; the name may have brackets in it (proc_pid_stat(5)).
            stat.is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, rest)| rest.starts_with('T'))
            })
        })
    }

    /// The output and exit status of a program that prints little; its outputs are pipes.
    pub fn output(mut self) -> Ended {
        let status = self.wait();
        let (mut stdout, mut stderr) = (Vec::new(), String::new());
        let pipe = self.child.stdout.take().expect("stdout is piped");
        BufReader::new(pipe)
            .read_to_end(&mut stdout)
            .expect("no output");
        let pipe = self.child.stderr.take().expect("stderr is piped");
        BufReader::new(pipe)
            .read_to_string(&mut stderr)
            .expect("no text");
        Ended {
            code: status.code().expect("ended by a signal"),
            stdout,
            stderr,
        }
    }

    pub fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("cannot wait") {
                return status;
            }
            assert!(begin.elapsed() < TEST_TIMEOUT, "the program does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `bullhorn serve --json` as a child process.
pub struct Served {
    pub process: Running,
    /// As printed when ready, in order.
    pub endpoints: Vec<String>,
    /// The ready lines.
    pub ready: Vec<Value>,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
}

/// Read ahead, so that waiting for a line can time out.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Lines after the end of a test are not read.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// The end of a server.
#[derive(Debug)]
pub struct Totals {
    pub code: Option<i32>,
    pub summary: Value,
    pub stderr: String,
}

impl Served {
    /// Serves `arguments`, which are endpoints and options; ready when each endpoint is.
    pub fn start(arguments: &[&str]) -> Self {
        let endpoints = arguments.iter().filter(|text| text.contains(':')).count();
        Self::start_command(
            bullhorn()
                .arg("serve")
                .arg("--json")
                .args(arguments)
                .stdin(Stdio::null()),
            endpoints,
        )
    }

    /// Starts `command`, which must end up as `bullhorn serve --json`, and waits for `endpoints`
    /// ready lines.
    ///
    /// Its standard input stays as it is: it may be a socket to inherit.
    pub fn start_command(command: &mut Command, endpoints: usize) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Running::start(command);
        let stdout = process.child.stdout.take().expect("stdout is piped");
        let mut stderr = process.child.stderr.take().expect("stderr is piped");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut served = Self {
            process,
            endpoints: Vec::new(),
            ready: Vec::new(),
            lines: lines_of(stdout),
            stderr: Some(stderr),
        };
        for _ in 0..endpoints {
            let line = served.read_line();
            assert_eq!(line["event"], "ready", "{line}");
            served
                .endpoints
                .push(line["endpoint"].as_str().expect("no endpoint").to_owned());
            served.ready.push(line);
        }
        served
    }

    /// One more line of JSON.
    pub fn read_line(&mut self) -> Value {
        self.line_within(TEST_TIMEOUT)
            .expect("the server prints nothing")
    }

    fn line_within(&mut self, timeout: Duration) -> Option<Value> {
        match self.lines.recv_timeout(timeout) {
            Ok(line) => Some(serde_json::from_str(&line).expect("no JSON")),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let stderr = self.stderr.take().map(|thread| thread.join());
                panic!("the server ended: {stderr:?}");
            }
        }
    }

    /// The first endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoints[0]
    }

    /// The port of endpoint `index`.
    pub fn port(&self, index: usize) -> u16 {
        self.endpoints[index]
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("no port")
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(path).expect("no /proc");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("no VmRSS");
        let kibibytes = line
            .split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok());
        kibibytes.expect("no number") * 1024
    }

    /// Sends SIGTERM, and returns the totals.
    pub fn stop(self) -> Totals {
        self.stop_by("TERM")
    }

    pub fn stop_by(self, signal: &str) -> Totals {
        self.process.signal(signal);
        self.ended()
    }

    /// Sends SIGTERM, for a server that may miss it, and again while `misses` grows: a second one
    /// would end it at once.
    pub fn insist_on_stopping(mut self, misses: impl Fn() -> usize) -> Totals {
        let begin = Instant::now();
        while begin.elapsed() < TEST_TIMEOUT {
            let before = misses();
            self.process.signal("TERM");
            while begin.elapsed() < TEST_TIMEOUT {
                if let Some(summary) = self.line_within(Duration::from_millis(100)) {
                    return self.ended_with(summary);
                }
                if misses() > before {
                    break;
                }
            }
        }
        panic!("the server does not stop");
    }

    /// The totals of a server that is already stopping.
    pub fn ended(mut self) -> Totals {
        let summary = self.read_line();
        self.ended_with(summary)
    }

    fn ended_with(mut self, summary: Value) -> Totals {
        assert_eq!(summary["event"], "summary", "{summary}");
        let status = self.process.wait();
        let stderr = self
            .stderr
            .take()
            .map(|thread| thread.join().expect("reader panicked"));
        Totals {
            code: status.code(),
            summary,
            stderr: stderr.unwrap_or_default(),
        }
    }
}

impl Totals {
    /// Asserts exit code 0 and `received = answered + dropped` with the given numbers.
    pub fn assert_datagrams(&self, received: u64, answered: u64, dropped: u64) {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(
            [
                &self.summary["received"],
                &self.summary["answered"],
                &self.summary["dropped"]
            ],
            [received, answered, dropped],
            "{self:?}"
        );
        assert_eq!(received, answered + dropped);
    }
}

/// A receive call, repeated when a signal or a pause of the machine interrupts it: one with a
/// timeout is not restarted (signal(7)).
pub fn uninterrupted<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(
            begin.elapsed() < TEST_TIMEOUT,
            "timed out waiting for: {what}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the socket of a former client is closed everywhere: a program that another test is
/// starting holds a copy of every descriptor until its exec.
pub fn wait_until_gone(client: &SocketAddr) {
    wait_until("the client is gone", || {
        let probe = UnixDatagram::unbound().unwrap();
        probe.connect_addr(client).is_err()
    });
}

/// The discard port on a loopback address that no other test uses.
pub fn closed_port() -> net::SocketAddr {
    net::SocketAddr::from(([127, 99, 98, 97], 9))
}

/// A name that no other run of the tests uses.
pub fn own(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// The path of a program; without it, reports that the test is skipped.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skipped(&format!("{name} is not installed"));
    }
    found
}

/// Where Cargo puts the examples that it builds with the tests.
pub fn find_example(name: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().expect("no path of the test");
    let found = test
        .ancestors()
        .map(|directory| directory.join("examples").join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        skipped(&format!("cargo build --example {name} comes first"));
    }
    found
}

/// Reports that a test cannot run here.
pub fn skipped(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Written past the capture of the test harness, so that it is visible.
    let _ = writeln!(std::io::stderr().lock(), "skipped: {test}: {reason}");
}

/// Texts of many scripts, all different: they change, grow, shrink, stay, or are invalid.
pub fn mixed_lines(count: usize) -> Vec<Vec<u8>> {
    const WORDS: [&str; 16] = [
        "straße",
        "hello",
        "привет",
        "καλημέρα",
        "ŉdlela",
        "ﬁnal",
        "日本語",
        "ჯეოლოგია",
        "ıstanbul",
        "ẞ",
        "ĳ",
        "👩‍👩‍👧",
        "",
        "ǆ",
        "ΐ",
        "MiXeD",
    ];
    (0..count)
        .map(|number| {
            let mut line = format!(
                "{number} {} {}",
                WORDS[number % WORDS.len()],
                WORDS[number / WORDS.len() % WORDS.len()]
            )
            .into_bytes();
            if number % 97 == 0 {
                line.extend([0xff, b'a', 0xc3]);
            }
            line
        })
        .collect()
}

/// The naive oracle: the standard library.
pub fn capitals(text: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    for chunk in text.utf8_chunks() {
        answer.extend(chunk.valid().to_uppercase().as_bytes());
        answer.extend(chunk.invalid());
    }
    answer
}

/// Lines as they are written to a program.
pub fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend(line);
        bytes.push(b'\n');
    }
    bytes
}

/// Keeps a child's standard input open until dropped.
pub fn write_line(stdin: &mut ChildStdin, line: &str) {
    writeln!(stdin, "{line}").expect("the program does not read");
}
