//! Sizes and the summary for people.

use std::io::{self, Write};

use super::verdict::Verdict;
use crate::report::units::{milliseconds, nanoseconds, seconds};
use bullhorn_client::sweep::{Begin, Event, Measure, Obstacle, SizeResult, Summary};
use bullhorn_socket::visible::VisibleLines;

/// A line for the beginning and for each size.
pub(crate) fn event_text(to: &mut dyn Write, event: &Event<'_>) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    match event {
        Event::Begin(begin) => begin_text(to, begin),
        Event::Size(result) => size_text(to, result),
        _ => Ok(()),
    }
}

fn begin_text(to: &mut dyn Write, begin: &Begin<'_>) -> io::Result<()> {
    write!(to, "sweep {}", begin.given)?;
    if begin.given != begin.endpoint {
        write!(to, " ({})", begin.endpoint)?;
    }
    if let Some(source) = begin.source {
        write!(to, " from {source}")?;
    }
    writeln!(to, ": messages of {} to {} bytes", begin.from, begin.to)
}

/// `1372 bytes unfragmented: time=0.412 ms`, `1373 bytes unfragmented: no answer in time (3 tries)`
fn size_text(to: &mut dyn Write, result: &SizeResult) -> io::Result<()> {
    write!(to, "{} bytes", result.size)?;
    if result.measure != Measure::Stream {
        write!(to, " {}", result.measure.name())?;
    }
    match &result.result {
        Ok(round_trip) => {
            writeln!(to, ": time={} ms", milliseconds(nanoseconds(*round_trip)))
        }
        Err(Obstacle::Silence) => writeln!(to, ": lost: no answer in time, {} tries", result.tries),
        Err(Obstacle::LocalMtu { .. }) => {
            writeln!(to, ": not sent: above the local MTU")
        }
        Err(obstacle) => writeln!(to, ": lost: {obstacle}"),
    }
}

/// The verdict, and what it took.
pub(crate) fn summary_text(to: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    writeln!(to, "--- {} ---", summary.given)?;
    writeln!(to, "{}", Verdict(summary))?;
    let unit = if summary.sent == 1 {
        "message"
    } else {
        "messages"
    };
    writeln!(
        to,
        "{} {unit} sent in {}",
        summary.sent,
        seconds(summary.elapsed)
    )?;
    if summary.late > 0 {
        writeln!(
            to,
            "{} answers came too late and do not count; a longer --timeout would wait for them",
            summary.late
        )?;
    }
    Ok(())
}
