//! The prompt of `bullhorn send` on a terminal: a line, its answer, the next line.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use crate::cli::arguments::Send;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::hints::WithHint;
use crate::cli::output::Output;
use crate::cli::stderr;
use bullhorn_client::request::Client;
use bullhorn_socket::Stop;
use bullhorn_socket::visible::{Visible, VisibleBytes};

pub(super) fn run(
    mut client: Client,
    arguments: &Send,
    stop: Stop,
    output: &mut Output,
) -> Outcome {
    let failure = |error: ReadlineError| Failure::Local {
        operation: "read from the terminal",
        source: match error {
            ReadlineError::Io(error) => error,
            other => io::Error::other(other.to_string()),
        },
    };
    // A pasted line is sent like a typed one, at its end.
    let config = Config::builder().bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config).map_err(failure)?;
    let history = history_file();
    if let Some(file) = &history {
        let _ = file.parent().map(std::fs::create_dir_all);
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    if !arguments.output.quiet {
        stderr::line(format_args!(
            "Each line goes to {}; Ctrl-D ends.",
            client.endpoint()
        ));
    }
    let mut code = ExitCode::Success;
    end_readline_on(stop.clone());
    while !stop.is_stopped() {
        // The editor writes to the terminal itself.
        output.flush();
        stderr::flush();
        let line = match editor.readline("> ") {
            Ok(line) => line,
            // Ctrl-C discards the line, as in a shell.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failure(error)),
        };
        // A terminal may still mark what is pasted, and several lines come as one.
        for text in line.strip_suffix('\n').unwrap_or(&line).split('\n') {
            remember(&mut editor, history.as_deref(), text);
            match client.request(text) {
                Ok(answer) => {
                    stderr::settle();
                    output.write(|to| writeln!(to, "{}", VisibleBytes(answer.as_bytes())));
                }
                Err(error) => {
                    code = ExitCode::from(&error);
                    let line = WithHint(&error).to_string();
                    stderr::line(format_args!("bullhorn: {}", Visible(&line)));
                }
            }
        }
    }
    Ok(code)
}

/// The stop also ends the reading of a line: rustyline does that only for SIGINT, which it treats
/// as Ctrl-C, and only while it reads.
fn end_readline_on(stop: Stop) {
    let reader = pthread_self();
    // Without the thread, the stop comes with the next line.
    let _ = thread::Builder::new().spawn(move || {
        while !stop.is_stopped() {
            let _ = stop.wait_with(None, None);
        }
        loop {
            let _ = pthread_kill(reader, Signal::SIGINT);
            thread::sleep(Duration::from_millis(50));
        }
    });
}

/// Saved at once, as Ctrl-C may end the wait for an answer. A history that cannot be saved is no
/// reason not to send.
fn remember(editor: &mut DefaultEditor, history: Option<&Path>, text: &str) {
    if let Ok(true) = editor.add_history_entry(text)
        && let Some(file) = history
    {
        let _ = editor.append_history(file);
    }
}

/// In the state directory of the user (XDG Base Directory Specification).
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("bullhorn/history"))
}
