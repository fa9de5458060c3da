//! The prompt of `bullhorn send` on a terminal: a line, its answer, the next line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use super::arguments::Send;
use super::{Failure, Outcome};
use crate::client::Client;
use crate::visible::{Visible, VisibleBytes};

pub(super) fn run(mut client: Client, arguments: &Send) -> Outcome {
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
    if !arguments.speech.quiet {
        let _ = writeln!(
            io::stderr(),
            "Each line goes to {}; Ctrl-D ends.",
            client.endpoint()
        );
    }
    let mut worst = 0;
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            // Ctrl-C gives up the line, as in a shell.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failure(error)),
        };
        // A terminal may mark what is pasted all the same, and several lines come as one.
        for text in line.strip_suffix('\n').unwrap_or(&line).split('\n') {
            remember(&mut editor, history.as_deref(), text);
            match client.request(text) {
                Ok(answer) => writeln!(io::stdout(), "{}", VisibleBytes(answer.as_bytes()))
                    .map_err(Failure::Output)?,
                Err(error) => {
                    worst = error.exit_code();
                    let _ = writeln!(io::stderr(), "bullhorn: {}", Visible(&error.to_string()));
                }
            }
        }
    }
    Ok(worst)
}

/// Saved at once, as Ctrl-C may end the wait for an answer. A history that cannot grow is no reason
/// not to send.
fn remember(editor: &mut DefaultEditor, history: Option<&Path>, text: &str) {
    if let Ok(true) = editor.add_history_entry(text)
        && let Some(file) = history
    {
        let _ = editor.append_history(file);
    }
}

/// Beside the states of other programs (XDG Base Directory Specification).
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("bullhorn/history"))
}
