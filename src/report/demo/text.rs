//! The rows as a table for people.

use std::io::{self, Write};

use super::row::Row;
use crate::report::units::{nanoseconds, short};
use bullhorn_socket::visible::{VisibleBytes, VisibleLines};

/// The rows under a heading.
pub(crate) fn table(to: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let shown: Vec<(String, String, String)> = rows
        .iter()
        .map(|row| match &row.result {
            Ok((answer, round_trip)) => (
                row.endpoint.to_string(),
                VisibleBytes(answer).to_string(),
                short(nanoseconds(*round_trip)),
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
        "{:endpoint_width$}  family    type            {:>time_width$}  answer",
        "endpoint", "round trip"
    )?;
    for (row, (endpoint, answer, time)) in rows.iter().zip(&shown) {
        writeln!(
            to,
            "{endpoint:endpoint_width$}  {:8}  {:14}  {time:>time_width$}  {answer}",
            row.family, row.socket_type
        )?;
    }
    Ok(())
}
