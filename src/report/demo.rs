//! What `demo` says: a small table, a row for each family and type.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};
use bullhorn_socket::visible::{VisibleBytes, VisibleLines};

const SCHEMA: &str = "bullhorn.demo/1";

/// What came of one pair of family and type.
#[derive(Debug)]
pub(crate) struct Row {
    /// Where the service was; what was tried when it could not be.
    pub(crate) endpoint: Endpoint,
    /// Of the socket.
    pub(crate) family: Family,
    /// Of the socket.
    pub(crate) socket_type: SocketType,
    /// The answer and its round trip, or what went wrong.
    pub(crate) result: Result<(Vec<u8>, Duration), String>,
}

/// The rows under a heading.
///
/// # Errors
/// The writer's.
pub(crate) fn table(to: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let shown: Vec<(String, String, String)> = rows
        .iter()
        .map(|row| match &row.result {
            Ok((answer, round_trip)) => (
                row.endpoint.to_string(),
                VisibleBytes(answer).to_string(),
                format!("{:.1} us", round_trip.as_secs_f64() * 1e6),
            ),
            Err(problem) => (row.endpoint.to_string(), problem.clone(), "-".to_owned()),
        })
        .collect();
    let width = |of: &dyn Fn(&(String, String, String)) -> &str, heading: &str| {
        shown
            .iter()
            .map(|row| of(row).chars().count())
            .chain([heading.len()])
            .max()
            .unwrap_or(0)
    };
    let endpoint_width = width(&|row| &row.0, "endpoint");
    let time_width = width(&|row| &row.2, "round trip");
    writeln!(
        to,
        "{:endpoint_width$}  family    type         {:>time_width$}  answer",
        "endpoint", "round trip"
    )?;
    for (row, (endpoint, answer, time)) in rows.iter().zip(&shown) {
        writeln!(
            to,
            "{endpoint:endpoint_width$}  {:8}  {:11}  {time:>time_width$}  {answer}",
            row.family, row.socket_type
        )?;
    }
    Ok(())
}

/// A line for each row, and a summary.
///
/// # Errors
/// The writer's.
pub(crate) fn json_lines(to: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let mut right = 0;
    for row in rows {
        let (answer, round_trip_ns, problem) = match &row.result {
            Ok((answer, time)) => {
                right += 1;
                let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                (
                    Some(String::from_utf8_lossy(answer)),
                    Some(nanoseconds),
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
