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
        writeln!(to, "connect {}", Figures::of(figures))?;
    }
    if let Some(figures) = &summary.round_trips {
        write!(to, "round trip {}", Figures::of(figures))?;
        match summary.jitter_ns {
            Some(jitter_ns) => writeln!(to, ", jitter {} ms", milliseconds(jitter_ns))?,
            None => writeln!(to)?,
        }
    }
    local(to, summary)?;
    if summary.flows.len() > 1 {
        flow_table(to, &summary.flows)?;
    }
    for entry in &summary.path_errors {
        writeln!(to, "{} of the lost: {}", entry.count, entry.error)?;
    }
    outages(to, summary)?;
    others(to, summary, output_dropped)
}

/// What the prober itself and its kernel did.
fn local(to: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    if let Some(lag) = &summary.send_lag {
        let figures = Figures::default()
            .with("p50", lag.p50_ns)
            .with("p99", lag.p99_ns)
            .with("max", Some(lag.max_ns));
        let drops = summary.local_drops;
        writeln!(to, "local: send lag {figures}, local drops {drops}")?;
    }
    if summary.skipped > 0 {
        let skipped = summary.skipped;
        writeln!(
            to,
            "local: {skipped} probes skipped, due while the prober itself was stopped or held up"
        )?;
    }
    Ok(())
}

/// What was sent beside the probes, and what was not printed.
fn others(to: &mut dyn Write, summary: &Summary, output_dropped: u64) -> io::Result<()> {
    if summary.fresh_sent > 0 {
        writeln!(
            to,
            "new source ports: {} tried, {} answered",
            summary.fresh_sent, summary.fresh_answered
        )?;
    }
    if summary.sizes_sent > 0 {
        writeln!(
            to,
            "messages of other sizes: {} tried, {} answered",
            summary.sizes_sent, summary.sizes_answered
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
    let (number, longest) = (outages.number, seconds(outages.longest));
    let noun = if number == 1 { "outage" } else { "outages" };
    writeln!(to, "{number} {noun}, longest {longest}:")?;
    let start = summary.start;
    let now = start + summary.elapsed;
    for outage in &outages.listed {
        writeln!(to, "  {}", OutageText { outage, start, now })?;
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
        let of = |value: fn(&LatencySummary) -> Option<u64>| {
            let ns = flow.round_trips.as_ref().and_then(value);
            ns.map_or("-".to_owned(), milliseconds)
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
            of(|figures| Some(figures.max_ns)),
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
        let silent = summary.counts.silent();
        let plural = if silent == 1 { "" } else { "s" };
        write!(
            to,
            ": {silent} probe{plural} in {}",
            seconds(summary.elapsed)
        )?;
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

/// `min/p50/max = 0.069/0.077/5.166 ms`, with the figures that are known.
#[derive(Default)]
struct Figures {
    names: Vec<&'static str>,
    values: Vec<String>,
}

impl Figures {
    fn of(figures: &LatencySummary) -> Self {
        Self::default()
            .with("min", Some(figures.min_ns))
            .with("p50", figures.p50_ns)
            .with("p90", figures.p90_ns)
            .with("p99", figures.p99_ns)
            .with("p99.9", figures.p99_9_ns)
            .with("max", Some(figures.max_ns))
    }

    fn with(mut self, name: &'static str, ns: Option<u64>) -> Self {
        if let Some(ns) = ns {
            self.names.push(name);
            self.values.push(milliseconds(ns));
        }
        self
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (names, values) = (self.names.join("/"), self.values.join("/"));
        write!(f, "{names} = {values} ms")
    }
}
