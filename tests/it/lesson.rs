//! The lesson stays true: its console blocks are typed as written and compared with what the
//! programs print. Its Rust blocks are documentation tests of the library.
//!
//! A line after `$` is a command, `^C` interrupts, every other line is output. The command with
//! `serve` in it keeps running in a second terminal, and blocks without a command continue its
//! output. `…` in the lesson matches anything, and 3000 matches the port that the server got
//! instead.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use tempfile::TempDir;

use crate::support::{Running, TEST_TIMEOUT, clean, find_example, program};

const LESSON: &str = include_str!("../../docs/lesson.md");

/// The blocks between fences that open with exactly this line.
fn blocks(fence: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = LESSON.lines();
    while lines.by_ref().any(|line| line == fence) {
        let block = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(block.flat_map(|line| [line, "\n"]).collect());
    }
    blocks
}

/// A command and what it prints, both to standard output and to standard error.
struct Terminal {
    command: String,
    process: Running,
    lines: Receiver<String>,
}

impl Terminal {
    fn start(command: &str, directory: &TempDir) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut shell = clean(Command::new("sh"));
        let programs = program();
        let mut path = programs.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        shell
            .args(["-c", command])
            .current_dir(directory.path())
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let process = Running::start(&mut shell);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            command: command.to_owned(),
            process,
            lines,
        }
    }

    fn line(&self) -> String {
        self.lines
            .recv_timeout(TEST_TIMEOUT)
            .unwrap_or_else(|error| panic!("{}: no line: {error}", self.command))
    }

    /// Asserts that the command has ended, and has printed no more than the lesson shows.
    fn ends(self) {
        match self.lines.recv_timeout(TEST_TIMEOUT) {
            Err(RecvTimeoutError::Disconnected) => {}
            more => panic!("{}: no end, but {more:?}", self.command),
        }
    }
}

/// A reader who follows the lesson, with one terminal for the server and another for the rest.
struct Learner {
    directory: TempDir,
    server: Option<Terminal>,
    client: Option<Terminal>,
    /// The server's; 0 until it has printed it.
    port: String,
    interrupted: bool,
}

impl Learner {
    fn follow(&mut self, line: &str) {
        if let Some(command) = line.strip_prefix("$ ") {
            self.end_client();
            self.start(command);
        } else if line == "^C" {
            let server = self.server.as_ref().expect("nothing runs");
            // Not SIGINT, which is ignored in programs that a shell script runs in the background.
            server.process.signal("TERM");
            self.interrupted = true;
        } else {
            self.expect(line);
        }
    }

    fn start(&mut self, command: &str) {
        let serves = command.contains("serve");
        if serves {
            assert!(self.server.is_none(), "{command}: a server runs already");
            self.port = "0".to_owned();
        }
        let mut command = command.replace("3000", &self.port);
        for name in ["udp_server", "udp_client"] {
            let example = find_example(name).unwrap_or_default();
            let with_address = format!("'{}' 127.0.0.1:{}", example.display(), self.port);
            command = command.replace(&format!("cargo run -q --example {name}"), &with_address);
        }
        if serves {
            // The signal must reach the server itself.
            command.insert_str(0, "exec ");
        }
        let terminal = Terminal::start(&command, &self.directory);
        *(if serves {
            &mut self.server
        } else {
            &mut self.client
        }) = Some(terminal);
    }

    fn expect(&mut self, expected: &str) {
        let terminal = self.client.as_ref().or(self.server.as_ref());
        let actual = terminal.expect("nothing runs").line();
        if self.port == "0" {
            self.port = port_in(expected, &actual).unwrap_or("0").to_owned();
        }
        assert!(
            // The server prints the endpoint as it was given.
            [self.port.as_str(), "0"]
                .iter()
                .any(|port| fits(&expected.replace("3000", port), &actual)),
            "the lesson shows\n{expected}\nand the program prints\n{actual}"
        );
    }

    fn end_client(&mut self) {
        if let Some(client) = self.client.take() {
            client.ends();
        }
    }

    fn end_block(&mut self) {
        self.end_client();
        if std::mem::take(&mut self.interrupted)
            && let Some(server) = self.server.take()
        {
            server.ends();
        }
    }
}

/// Whether `actual` matches `expected`, in which `…` matches anything.
fn fits(expected: &str, actual: &str) -> bool {
    match expected.split_once('…') {
        None => actual == expected,
        Some((before, after)) => actual.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(after, rest)))
        }),
    }
}

/// The number in `actual` where `expected` has 3000, unless it is 0.
fn port_in<'a>(expected: &str, actual: &'a str) -> Option<&'a str> {
    let (before, _) = expected.split_once("3000")?;
    let rest = actual.strip_prefix(before)?;
    let end = rest.find(|character: char| !character.is_ascii_digit());
    Some(&rest[..end.unwrap_or(rest.len())]).filter(|port| *port != "0")
}

#[test]
fn every_console_block_of_the_lesson_shows_what_the_programs_print() {
    if find_example("udp_server").is_none() || find_example("udp_client").is_none() {
        return;
    }
    let mut learner = Learner {
        directory: tempfile::tempdir().unwrap(),
        server: None,
        client: None,
        port: "0".to_owned(),
        interrupted: false,
    };
    let blocks = blocks("```console");
    assert!(!blocks.is_empty());
    for block in blocks {
        block.lines().for_each(|line| learner.follow(line));
        learner.end_block();
    }
    assert!(
        learner.server.is_none(),
        "the lesson leaves a server running"
    );
}

#[test]
fn the_whole_programs_in_the_lesson_are_the_examples() {
    let examples = [
        include_str!("../../examples/udp_server.rs"),
        include_str!("../../examples/udp_client.rs"),
    ];
    assert_eq!(blocks("```rust,no_run"), examples);
}

#[test]
fn the_lesson_has_no_block_that_is_not_run() {
    for line in LESSON.lines().filter(|line| line.starts_with("```")) {
        assert!(
            ["```rust", "```rust,no_run", "```console", "```"].contains(&line),
            "{line}"
        );
    }
}
