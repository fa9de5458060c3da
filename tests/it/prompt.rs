//! `send` on a terminal: a prompt, answers, and a history for the next time.

use std::io::{BufReader, Read, Write};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::support::{PATIENCE, Running, Served, bullhorn, clean, find_program};

/// What a terminal shows, byte by byte.
pub struct Terminal(Receiver<u8>);

impl Terminal {
    pub fn of(output: ChildStdout) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for byte in BufReader::new(output).bytes() {
                if byte.is_ok_and(|byte| sender.send(byte).is_ok()) {
                    continue;
                }
                return;
            }
        });
        Self(receiver)
    }

    /// Reads until what was shown since the last time ends in `expected`.
    pub fn read_until(&self, expected: &str) {
        let mut shown = Vec::new();
        while !shown.ends_with(expected.as_bytes()) {
            match self.0.recv_timeout(PATIENCE) {
                Ok(byte) => shown.push(byte),
                Err(_) => panic!("no {expected:?} in {:?}", String::from_utf8_lossy(&shown)),
            }
        }
    }
}

#[test]
fn a_line_at_the_prompt_gets_its_answer_and_the_next_time_it_is_remembered() {
    let Some(script) = find_program("script") else {
        return;
    };
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let state = tempfile::tempdir().unwrap();
    let program = bullhorn().get_program().to_string_lossy().into_owned();
    let send = format!("'{program}' send {}", served.endpoint());
    // The second time, the arrow up brings back what was typed last.
    for (typed, answer) in [("stra\u{df}e\r", "STRASSE"), ("\u{1b}[A\r", "STRASSE")] {
        let mut command = clean(Command::new(&script));
        command.args(["-qec", &send, "/dev/null"]);
        command
            .env("XDG_STATE_HOME", state.path())
            .env("TERM", "xterm");
        let mut process = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut keys = process.child.stdin.take().unwrap();
        let terminal = Terminal::of(process.child.stdout.take().unwrap());
        terminal.read_until("Ctrl-D ends.");
        terminal.read_until("> ");
        keys.write_all(typed.as_bytes()).unwrap();
        terminal.read_until(&format!("{answer}\r\n"));
        terminal.read_until("> ");
        keys.write_all(b"\x04").unwrap();
        assert_eq!(process.wait().code(), Some(0));
    }
    let history = std::fs::read_to_string(state.path().join("bullhorn/history")).unwrap();
    assert!(history.contains("stra\u{df}e"), "{history}");
    served.stop().assert_datagrams(2, 2, 0);
}
