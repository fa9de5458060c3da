//! What `ping` says to people: a line for each event and a summary, in the manner of ping(8).

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::probe::event::Begin;
use crate::probe::latency::nanoseconds;
use crate::probe::summary::FlowSummary;
use crate::probe::{ArrivalKind, Counts, Event, Figures, Loss, Outage, Summary};

/// `ping udp://127.0.0.1:3000: texts of 64 bytes, one each 1s`
///
/// # Errors
/// The writer's.
pub fn begin_text(to: &mut dyn Write, begin: &Begin<'_>) -> io::Result<()> {
    let flows = match begin.flows {
        1 => String::new(),
        flows => format!(", over {flows} flows in turn"),
    };
    writeln!(
        to,
        "ping {}: texts of {} bytes, one each {}{flows}",
        begin.endpoint,
        begin.text_length,
        humantime::format_duration(begin.interval)
    )
}

/// One line for one event, in the manner of ping(8).
///
/// # Errors
/// The writer's.
pub fn event_text(
    to: &mut dyn Write,
    endpoint: &Endpoint,
    begin: std::time::Instant,
    event: &Event,
) -> io::Result<()> {
    match event {
        Event::Answer {
            number,
            length,
            round_trip,
            kind,
            reordered,
            problem,
            ..
        } => {
            write!(to, "{length} bytes from {endpoint}: seq={number}")?;
            if let Some(round_trip) = round_trip {
                write!(to, " time={}", Milliseconds(*round_trip))?;
            }
            match kind {
                ArrivalKind::InTime => {}
                ArrivalKind::Late => write!(to, " late")?,
                ArrivalKind::Duplicate => write!(to, " duplicate")?,
            }
            if *reordered {
                write!(to, " reordered")?;
            }
            if let Some(problem) = problem {
                write!(to, " WRONG: {problem}")?;
            }
            writeln!(to)
        }
        Event::Stray { length, .. } => {
            writeln!(to, "{length} bytes from {endpoint}: no answer to any probe")
        }
        Event::Lost { number, loss, .. } => {
            writeln!(to, "seq={number} lost: {}", LossText(loss))
        }
        Event::OutageBegan(outage) => writeln!(
            to,
            "outage{} since seq={}: {} lost in a row",
            OfFlow(outage.flow),
            outage.first_number,
            outage.lost
        ),
        Event::OutageEnded(outage) => writeln!(to, "outage ended: {}", OutageText(outage, begin)),
        Event::StaleFlow { flow, round_trip } => writeln!(
            to,
            "a fresh source port gets through (time={}) and the old one{} does not: \
             stale flow state on the path (NAT or conntrack) likely",
            Milliseconds(*round_trip),
            OfFlow(*flow)
        ),
    }
}

/// The summary, in the manner of ping(8).
///
/// # Errors
/// The writer's.
pub fn summary_text(to: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    writeln!(to, "--- {} ---", summary.endpoint)?;
    writeln!(
        to,
        "{} in {:.3} s",
        CountsText(&summary.counts),
        summary.elapsed.as_secs_f64()
    )?;
    if let Some(figures) = &summary.round_trips {
        write!(to, "round trip {}", FiguresText(figures))?;
        match summary.jitter_ns {
            Some(jitter_ns) => writeln!(to, ", jitter {} ms", shown_ns(jitter_ns))?,
            None => writeln!(to)?,
        }
    }
    if let Some(lag) = &summary.send_lag {
        writeln!(
            to,
            "our own: send lag p50/p99/max = {}/{}/{} ms, local drops {}",
            shown_ns(lag.p50_ns),
            shown_ns(lag.p99_ns),
            shown_ns(lag.max_ns),
            summary.local_drops
        )?;
    }
    if summary.flows.len() > 1 {
        flow_table(to, &summary.flows)?;
    }
    let outages = &summary.outages;
    if outages.number > 0 {
        writeln!(
            to,
            "{} outages, the longest {}:",
            outages.number,
            humantime::format_duration(milliseconds(outages.longest))
        )?;
        for outage in &outages.listed {
            writeln!(to, "  {}", OutageText(outage, summary.start))?;
        }
    }
    if summary.fresh_sent > 0 {
        writeln!(
            to,
            "fresh source ports tried {}, answered {}",
            summary.fresh_sent, summary.fresh_answered
        )?;
    }
    Ok(())
}

fn flow_table(to: &mut dyn Write, flows: &[FlowSummary]) -> io::Result<()> {
    writeln!(
        to,
        "{:>5} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
        "flow", "sent", "ok", "corrupt", "lost", "p50 ms", "p99 ms", "max ms"
    )?;
    for (index, flow) in flows.iter().enumerate() {
        let counts = &flow.counts;
        let of = |value: fn(&Figures) -> u64| match &flow.round_trips {
            Some(figures) => shown_ns(value(figures)),
            None => "-".to_owned(),
        };
        writeln!(
            to,
            "{:>5} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10} {:>10}",
            index + 1,
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

/// The counts as one line that sums.
pub struct CountsText<'a>(pub &'a Counts);

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
            for (name, count) in [("refused", counts.refused), ("unsent", counts.unsent)] {
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

struct FiguresText<'a>(&'a Figures);

impl fmt::Display for FiguresText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
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
            write!(f, "{}{}", if index > 0 { "/" } else { "" }, shown_ns(ns))?;
        }
        write!(f, " ms")
    }
}

struct LossText<'a>(&'a Loss);

impl fmt::Display for LossText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Loss::Timeout => write!(f, "no answer in time"),
            Loss::Refused => write!(f, "refused, nobody serves there"),
            Loss::Closed => write!(f, "the connection was closed before the answer"),
            Loss::Displaced => write!(f, "too many later ones are under way"),
            Loss::Unsent(reason) => write!(f, "not sent: {reason}"),
            #[allow(unreachable_patterns, reason = "may grow")]
            loss => write!(f, "{}", loss.name()),
        }
    }
}

struct OutageText<'a>(&'a Outage, std::time::Instant);

impl fmt::Display for OutageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(outage, begin) = self;
        let after = |at: std::time::Instant| {
            humantime::format_duration(milliseconds(at.saturating_duration_since(*begin)))
        };
        write!(f, "from {}", after(outage.start))?;
        match (outage.end, outage.length()) {
            (Some(end), Some(length)) => write!(
                f,
                " to {}, {} long",
                after(end),
                humantime::format_duration(milliseconds(length))
            )?,
            _ => write!(f, " on, and lasts")?,
        }
        write!(
            f,
            ", {} lost from seq={}{}",
            outage.lost,
            outage.first_number,
            OfFlow(outage.flow)
        )
    }
}

/// Nothing for the first flow, which mostly is the only one.
struct OfFlow(usize);

impl fmt::Display for OfFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            flow => write!(f, " of flow {}", flow + 1),
        }
    }
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", shown_ns(nanoseconds(self.0)))
    }
}

/// Nanoseconds in milliseconds, to the microsecond.
pub fn shown_ns(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

fn milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
