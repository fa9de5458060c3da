//! What `send` says: the answers, raw for programs and made visible for people, or JSON.

use std::io::{self, Write};

use serde_json::json;

use bullhorn_client::request::{Answer, Outcome};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Error;
use bullhorn_socket::visible::{VisibleBytes, VisibleLines};

const SCHEMA: &str = "bullhorn.send/1";

/// How many texts ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Right answers.
    pub(crate) right: u64,
    /// Answers that are not the text in capitals.
    pub(crate) wrong: u64,
    /// Texts without an answer.
    pub(crate) failed: u64,
}

/// The bytes of an answer and a line end, for a program.
///
/// # Errors
/// The writer's.
pub(crate) fn answer_raw(to: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    to.write_all(answer.as_bytes())?;
    to.write_all(b"\n")
}

/// An answer with control, escape and direction characters made visible, for a terminal.
///
/// # Errors
/// The writer's.
pub(crate) fn answer_visible(to: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    writeln!(to, "{}", VisibleBytes(answer.as_bytes()))
}

/// An object with `"event": "answer"` or `"event": "failure"`. An answer that is not UTF-8 has
/// `null` for its text; `answer_hex` has its bytes in any case.
///
/// # Errors
/// The writer's.
pub(crate) fn outcome_json(to: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    let line = match &outcome.result {
        Ok(answer) => json!({
            "schema": SCHEMA,
            "event": "answer",
            "number": outcome.number,
            "answer": std::str::from_utf8(answer.as_bytes()).ok(),
            "answer_hex": hex(answer.as_bytes()),
            "right": answer.problem().is_none(),
            "problem": answer.problem().map(ToString::to_string),
            "round_trip_ns": u64::try_from(answer.round_trip().as_nanos()).unwrap_or(u64::MAX),
            "tries": answer.tries(),
        }),
        Err(error) => json!({
            "schema": SCHEMA,
            "event": "failure",
            "number": outcome.number,
            "error": error.to_string(),
            "exit_code": error.exit_code(),
        }),
    };
    writeln!(to, "{line}")
}

/// An object with `"event": "summary"`.
///
/// # Errors
/// The writer's.
pub(crate) fn summary_json(
    to: &mut dyn Write,
    endpoint: &Endpoint,
    counts: &Counts,
) -> io::Result<()> {
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "endpoint": endpoint.to_string(),
        "texts": counts.right + counts.wrong + counts.failed,
        "right": counts.right,
        "wrong": counts.wrong,
        "failed": counts.failed,
    });
    writeln!(to, "{line}")
}

/// `text 7: no answer from ...`
///
/// # Errors
/// The writer's.
pub(crate) fn failure_text(to: &mut dyn Write, number: u64, error: &Error) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    writeln!(to, "bullhorn: text {number}: {error}")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
