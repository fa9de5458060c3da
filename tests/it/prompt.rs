//! `send` on a terminal: a prompt, answers, and a history for the next time.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::support::{Running, Served, TEST_TIMEOUT, bullhorn, clean, find_program};

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
            match self.0.recv_timeout(TEST_TIMEOUT) {
                Ok(byte) => shown.push(byte),
                Err(_) => panic!("no {expected:?} in {:?}", String::from_utf8_lossy(&shown)),
            }
        }
    }
}

/// `bullhorn send` at a prompt, and the keys of its terminal.
struct Prompt {
    process: Running,
    keys: ChildStdin,
    terminal: Terminal,
}

impl Prompt {
    fn start(script: &Path, endpoint: &str, state: &Path) -> Self {
        let program = bullhorn().get_program().to_string_lossy().into_owned();
        let mut command = clean(Command::new(script));
        command.args(["-qec", &format!("'{program}' send {endpoint}"), "/dev/null"]);
        command.env("XDG_STATE_HOME", state).env("TERM", "xterm");
        let mut process = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let keys = process.child.stdin.take().unwrap();
        let terminal = Terminal::of(process.child.stdout.take().unwrap());
        terminal.read_until("Ctrl-D ends.");
        terminal.read_until("> ");
        Self {
            process,
            keys,
            terminal,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn end(mut self) {
        self.press("\x04");
        assert_eq!(self.process.wait().code(), Some(0));
    }
}

fn find_script() -> Option<PathBuf> {
    find_program("script")
}

#[test]
fn two_hundred_pasted_lines_get_two_hundred_answers_in_order() {
    let Some(script) = find_script() else {
        return;
    };
    let lines: String = (0..200).map(|number| format!("line {number}\r")).collect();
    // As most terminals paste, and as those with bracketed paste do.
    let pastes = [lines.clone(), format!("\x1b[200~{lines}\x1b[201~\r")];
    for (scheme, paste) in [
        ("udp", &pastes[0]),
        ("tcp", &pastes[0]),
        ("udp", &pastes[1]),
    ] {
        let served = Served::start(&[&format!("{scheme}://127.0.0.1:0")]);
        let state = tempfile::tempdir().unwrap();
        let mut prompt = Prompt::start(&script, served.endpoint(), state.path());
        prompt.press(paste);
        for number in 0..200 {
            prompt.terminal.read_until(&format!("LINE {number}\r\n"));
        }
        prompt.terminal.read_until("> ");
        prompt.end();
        served.stop();
    }
}

#[test]
fn ctrl_c_while_waiting_for_an_answer_does_not_lose_the_history() {
    let Some(script) = find_script() else {
        return;
    };
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{} --timeout 50s", silent.local_addr().unwrap());
    let state = tempfile::tempdir().unwrap();
    let mut prompt = Prompt::start(&script, &endpoint, state.path());
    prompt.press("remembered\r");
    // It waits for the answer from now on.
    silent.recv(&mut [0; 64]).unwrap();
    prompt.press("\x03");
    prompt.process.wait();
    let history = std::fs::read_to_string(state.path().join("bullhorn/history")).unwrap();
    assert!(history.contains("remembered"), "{history}");
}

#[test]
fn a_connection_that_was_closed_while_idle_is_opened_anew() {
    let Some(script) = find_script() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let state = tempfile::tempdir().unwrap();
    let mut prompt = Prompt::start(&script, &endpoint, state.path());
    for (typed, answer) in [("one\r", "ONE\n"), ("two\r", "TWO\n")] {
        prompt.press(typed);
        let (mut peer, _) = listener.accept().unwrap();
        peer.read_exact(&mut [0; 4]).unwrap();
        peer.write_all(answer.as_bytes()).unwrap();
        drop(peer);
        prompt.terminal.read_until(&answer.replace('\n', "\r\n"));
        prompt.terminal.read_until("> ");
    }
    prompt.end();
}

#[test]
fn a_line_at_the_prompt_is_answered_and_kept_in_the_history() {
    let Some(script) = find_program("script") else {
        return;
    };
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let state = tempfile::tempdir().unwrap();
    // The second time, the arrow up brings back what was typed last.
    for (typed, answer) in [("stra\u{df}e\r", "STRASSE"), ("\u{1b}[A\r", "STRASSE")] {
        let mut prompt = Prompt::start(&script, served.endpoint(), state.path());
        prompt.press(typed);
        prompt.terminal.read_until(&format!("{answer}\r\n"));
        prompt.terminal.read_until("> ");
        prompt.end();
    }
    let history = std::fs::read_to_string(state.path().join("bullhorn/history")).unwrap();
    assert!(history.contains("stra\u{df}e"), "{history}");
    served.stop().assert_datagrams(2, 2, 0);
}
