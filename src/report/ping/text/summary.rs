//! The summary: counts, round trips, flows and outages.

use std::fmt;
use std::io::{self, Write};

use super::outage::OutageText;
use crate::report::named::Named;
use crate::report::units::{milliseconds, seconds};
use bullhorn_client::ping::{Behaviour, FlowSummary};
use bullhorn_client::ping::{Counts, LatencySummary, Summary};
use bullhorn_socket::visible::VisibleLines;

/// The summary, in the manner of ping(8). `output_dropped` counts the events that were not
/// printed.
pub(crate) fn summary_text(
    to: &mut dyn Write,
    summary: &Summary,
    output_dropped: u64,
) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let endpoint = Named {
        given: &summary.given,
        endpoint: &summary.endpoint,
    };
    writeln!(to, "--- {endpoint} ---")?;
    writeln!(
        to,
        "{} in {:.3} s",
        CountsText(&summary.counts),
        summary.elapsed.as_secs_f64()
    )?;
    if let Some(figures) = &summary.connect_times {
        writeln!(to, "connect {}", FiguresText(figures))?;
    }
    if let Some(figures) = &summary.round_trips {
        write!(to, "round trip {}", FiguresText(figures))?;
        match summary.jitter_ns {
            Some(jitter_ns) => writeln!(to, ", jitter {} ms", milliseconds(jitter_ns))?,
            None => writeln!(to)?,
        }
    }
    if let Some(lag) = &summary.send_lag {
        writeln!(
            to,
            "local: send lag p50/p99/max = {}/{}/{} ms, local drops {}",
            milliseconds(lag.p50_ns),
            milliseconds(lag.p99_ns),
            milliseconds(lag.max_ns),
            summary.local_drops
        )?;
    }
    if summary.flows.len() > 1 {
        flow_table(to, &summary.flows)?;
    }
    for entry in &summary.path_errors {
        writeln!(to, "{} of the lost: {}", entry.count, entry.error)?;
    }
    outages(to, summary)?;
    if summary.fresh_sent > 0 {
        writeln!(
            to,
            "new source ports: {} tried, {} answered",
            summary.fresh_sent, summary.fresh_answered
        )?;
    }
    if output_dropped > 0 {
        writeln!(
            to,
            "{output_dropped} events not printed: the output was not read"
        )?;
    }
    Ok(())
}

fn outages(to: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let outages = &summary.outages;
    if outages.number == 0 {
        return Ok(());
    }
    writeln!(
        to,
        "{} outages, longest {}:",
        outages.number,
        seconds(outages.longest)
    )?;
    for outage in &outages.listed {
        writeln!(to, "  {}", OutageText(outage, summary.start))?;
    }
    Ok(())
}

fn flow_table(to: &mut dyn Write, flows: &[FlowSummary]) -> io::Result<()> {
    let sources: Vec<String> = flows.iter().map(source_text).collect();
    let width = sources.iter().map(String::len).max().unwrap_or(0);
    let width = width.max("source".len());
    writeln!(
        to,
        "{:>5} {:>width$} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
        "flow", "source", "sent", "ok", "corrupt", "lost", "p50 ms", "p99 ms", "max ms"
    )?;
    for (index, flow) in flows.iter().enumerate() {
        let counts = &flow.counts;
        let of = |value: fn(&LatencySummary) -> u64| match &flow.round_trips {
            Some(figures) => milliseconds(value(figures)),
            None => "-".to_owned(),
        };
        writeln!(
            to,
            "{:>5} {:>width$} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
            index + 1,
            sources[index],
            counts.sent,
            counts.ok,
            counts.corrupt,
            counts.lost,
            of(|figures| figures.p50_ns),
            of(|figures| figures.p99_ns),
            of(|figures| figures.max_ns),
        )?;
    }
    Ok(())
}

/// How the endpoint behaved where something was expected. A silence names the probes that it is
/// concluded from: few, or in a short time, say little.
pub(crate) fn verdict_text(
    to: &mut dyn Write,
    summary: &Summary,
    expected: Behaviour,
) -> io::Result<()> {
    match summary.is_as_expected(expected) {
        true => write!(to, "{expected}, as expected")?,
        false => write!(to, "expected {expected}, found {}", FoundText(summary))?,
    }
    if summary.behaviour() == Behaviour::Silence {
        let (lost, elapsed) = (summary.counts.lost, seconds(summary.elapsed));
        let plural = if lost == 1 { "" } else { "s" };
        write!(to, ": {lost} probe{plural} in {elapsed}")?;
    }
    writeln!(to)
}

struct FoundText<'a>(&'a Summary);

impl fmt::Display for FoundText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.behaviour() {
            Behaviour::Unsent => write!(f, "that nothing could be sent"),
            behaviour => write!(f, "{behaviour}"),
        }
    }
}

fn source_text(flow: &FlowSummary) -> String {
    match flow.source {
        Some(source) => source.to_string(),
        None => "-".to_owned(),
    }
}

/// The counts as one line that sums.
pub(crate) struct CountsText<'a>(pub &'a Counts);

impl fmt::Display for CountsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0;
        write!(
            f,
            "{} sent = {} ok + {} corrupt + {} lost + {} pending",
            counts.sent, counts.ok, counts.corrupt, counts.lost, counts.pending
        )?;
        if let Some(loss) = counts.loss() {
            write!(f, " ({:.2}% lost", loss * 100.0)?;
            for (name, count) in [
                ("refused", counts.refused),
                ("rejected", counts.rejected),
                ("unreachable", counts.unreachable),
                ("too big", counts.too_big),
                ("unsent", counts.unsent),
            ] {
                if count > 0 {
                    write!(f, ", {count} {name}")?;
                }
            }
            write!(f, ")")?;
        }
        write!(
            f,
            "; {} duplicate, {} reordered, {} late",
            counts.duplicate, counts.reordered, counts.late
        )?;
        if counts.wrong > counts.corrupt {
            write!(f, ", {} of these wrong", counts.wrong - counts.corrupt)?;
        }
        if counts.stray > 0 {
            write!(f, ", {} stray", counts.stray)?;
        }
        Ok(())
    }
}

struct FiguresText<'a>(&'a LatencySummary);

impl fmt::Display for FiguresText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LatencySummary {
            min_ns,
            p50_ns,
            p90_ns,
            p99_ns,
            p99_9_ns,
            max_ns,
            ..
        } = *self.0;
        write!(f, "min/p50/p90/p99/p99.9/max = ")?;
        for (index, ns) in [min_ns, p50_ns, p90_ns, p99_ns, p99_9_ns, max_ns]
            .into_iter()
            .enumerate()
        {
            write!(
                f,
                "{}{}",
                if index > 0 { "/" } else { "" },
                milliseconds(ns)
            )?;
        }
        write!(f, " ms")
    }
}
