//! Outcomes and the counts as JSON Lines.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::counts::Counts;
use crate::report::path_error::path_error_json;
use crate::report::units::nanoseconds;
use bullhorn_client::request::Outcome;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Error;

const SCHEMA: &str = "bullhorn.send/1";

/// An object with `"event": "answer"` or `"event": "failure"`. The text of an answer that is not UTF-8
/// is `null`; `answer_hex` always has its bytes.
pub(crate) fn outcome_json(
    to: &mut dyn Write,
    outcome: &Outcome,
    exit_code: impl Fn(&Error) -> u8,
) -> io::Result<()> {
    let line = match &outcome.result {
        Ok(answer) => json!({
            "schema": SCHEMA,
            "event": "answer",
            "number": outcome.number,
            "answer": std::str::from_utf8(answer.as_bytes()).ok(),
            "answer_hex": hex(answer.as_bytes()),
            "right": answer.problem().is_none(),
            "problem": answer.problem().map(|its| its.problem.to_string()),
            "round_trip_ns": nanoseconds(answer.round_trip()),
            "tries": answer.tries(),
            "path_mtu": answer.path_mtu(),
        }),
        Err(error) => json!({
            "schema": SCHEMA,
            "event": "failure",
            "number": outcome.number,
            "error": error.to_string(),
            "path_error": match error {
                Error::Path { error, .. } => path_error_json(error),
                _ => Value::Null,
            },
            "exit_code": exit_code(error),
        }),
    };
    writeln!(to, "{line}")
}

/// An object with `"event": "summary"`.
pub(crate) fn summary_json(
    to: &mut dyn Write,
    given: &Endpoint,
    endpoint: &Endpoint,
    counts: &Counts,
) -> io::Result<()> {
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "given": given.to_string(),
        "endpoint": endpoint.to_string(),
        "texts": counts.right + counts.wrong + counts.failed,
        "right": counts.right,
        "wrong": counts.wrong,
        "failed": counts.failed,
    });
    writeln!(to, "{line}")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
