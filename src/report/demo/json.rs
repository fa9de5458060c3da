//! The rows as JSON Lines.

use std::io::{self, Write};

use serde_json::json;

use super::row::Row;
use crate::report::units::nanoseconds;

const SCHEMA: &str = "bullhorn.demo/1";

/// A line for each row, and a summary.
pub(crate) fn json_lines(to: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let mut right = 0;
    for row in rows {
        let (answer, round_trip_ns, problem) = match &row.result {
            Ok((answer, time)) => {
                right += 1;
                (
                    Some(String::from_utf8_lossy(answer)),
                    Some(nanoseconds(*time)),
                    None,
                )
            }
            Err(problem) => (None, None, Some(problem)),
        };
        let line = json!({
            "schema": SCHEMA,
            "event": "answer",
            "endpoint": row.endpoint.to_string(),
            "family": row.family.to_string(),
            "type": row.socket_type.to_string(),
            "answer": answer,
            "round_trip_ns": round_trip_ns,
            "problem": problem,
        });
        writeln!(to, "{line}")?;
    }
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "asked": rows.len(),
        "right": right,
    });
    writeln!(to, "{line}")
}
