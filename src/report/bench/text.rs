//! The result for people: the sums, the rates, the latencies and their histogram.

use std::io::{self, Write};

use super::bins::coarse_bins;
use crate::report::named::Named;
use crate::report::units::{per_second, round, seconds, short};
use bullhorn_client::bench::{
    Counts, Crossing, Latency, PERCENTILES, Progress, Quantity, RunResult, TooFewSamples,
};
use bullhorn_socket::visible::VisibleLines;

/// The longest bar of the histogram, in characters.
const BAR_WIDTH: u64 = 40;

/// The whole result. `hint` says what may explain the loss.
pub(crate) fn text(to: &mut dyn Write, measured: &RunResult, hint: Option<&str>) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let record = &measured.record;
    setup(to, measured)?;
    writeln!(to, "{}", sums(&record.counts))?;
    if let Some(rate) = measured.settings.rate {
        write!(to, "requested {}, ", per_second(rate))?;
    }
    writeln!(
        to,
        "sent {}, achieved {}",
        per_second(measured.sent_rate()),
        per_second(measured.achieved_rate())
    )?;
    latencies(to, "latency", &record.latency)?;
    if let Some(service) = &record.service {
        latencies(to, "service", service)?;
    }
    histogram(to, &record.latency)?;
    generator(to, measured)?;
    let connecting = &measured.connecting;
    if connecting.slow > 0 {
        writeln!(
            to,
            "slow to connect: {} of {} connections took 1 s or more, the longest {}: SYNs were lost, \
             or the listener's backlog was full",
            connecting.slow,
            measured.settings.flows,
            seconds(connecting.longest)
        )?;
    }
    if let Some(hint) = hint {
        writeln!(to, "lost datagrams: {hint}")?;
    }
    if let Some(wrong) = &record.first_wrong {
        writeln!(to, "first wrong answer: {wrong}")?;
    }
    for entry in measured.path_errors() {
        writeln!(to, "reported {} times: {}", entry.count, entry.error)?;
    }
    if measured.closed > 0 {
        writeln!(to, "closed by the peer: {} connections", measured.closed)?;
    }
    if measured.is_early {
        writeln!(to, "stopped early (Ctrl-C)")?;
    }
    Ok(())
}

/// `udp://127.0.0.1:3000: 1 flow, 64 requests in flight on each, 64-byte messages, 1 thread, 10.0 s`
fn setup(to: &mut dyn Write, measured: &RunResult) -> io::Result<()> {
    let settings = &measured.settings;
    write!(
        to,
        "{}: {}",
        Named {
            given: &measured.given,
            endpoint: &measured.endpoint
        },
        plural(settings.flows, "flow")
    )?;
    if settings.rate.is_none() {
        let window = settings.window.unwrap_or(1);
        write!(to, ", {} in flight on each", plural(window, "request"))?;
    }
    write!(
        to,
        ", {}-byte messages, {}",
        settings.size,
        plural(settings.threads, "thread")
    )?;
    if measured.has_offload {
        write!(to, ", offload")?;
    }
    writeln!(to, ", {}", seconds(measured.sending))
}

/// The CPU time of the generator, and whether it was the bottleneck.
fn generator(to: &mut dyn Write, measured: &RunResult) -> io::Result<()> {
    write!(to, "generator: ")?;
    if let Some(cpu) = measured.cpu {
        write!(to, "{} of CPU time, ", seconds(cpu))?;
    }
    writeln!(
        to,
        "{:.0} % of polls were empty",
        measured.idle_share() * 100.0
    )?;
    if measured.generator_was_limit() {
        writeln!(
            to,
            "the generator was the limit: the server may be faster than this"
        )?;
    }
    Ok(())
}

fn plural(number: u32, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `sent 7 = ok 4 + corrupt 1 + lost 2 + pending 0; duplicate 0, late 0, stray 0`
fn sums(counts: &Counts) -> String {
    format!(
        "sent {} = ok {} + corrupt {} + lost {} + pending {}; duplicate {}, late {}, stray {}",
        counts.sent,
        counts.ok,
        counts.corrupt,
        counts.lost,
        counts.pending,
        counts.duplicate,
        counts.late,
        counts.stray
    )
}

fn latencies(to: &mut dyn Write, name: &str, latency: &Latency) -> io::Result<()> {
    if latency.is_empty() {
        return writeln!(to, "{name}: no correct answer");
    }
    write!(to, "{name}:")?;
    for (name, percentile) in PERCENTILES {
        if let Some(ns) = latency.percentile_ns(percentile) {
            write!(to, " {name} {},", short(ns))?;
        }
    }
    writeln!(to, " max {}", short(latency.max_ns().unwrap_or(0)))
}

fn histogram(to: &mut dyn Write, latency: &Latency) -> io::Result<()> {
    let bins = coarse_bins(latency);
    let max = bins.iter().map(|bin| bin.count).max().unwrap_or(1);
    for bin in bins {
        let bar = (bin.count * BAR_WIDTH).div_ceil(max) as usize;
        let share = bin.count as f64 / latency.count() as f64 * 100.0;
        writeln!(
            to,
            "  from {:>7}  {:<width$}  {share:>7.3} %",
            short(bin.from_ns),
            "█".repeat(bar),
            width = BAR_WIDTH as usize
        )?;
    }
    Ok(())
}

/// One line for a terminal while the run lasts.
pub(crate) fn progress(progress: &Progress, rate: f64) -> String {
    format!(
        "{:>5.1} s  sent {}, ok {}, {}",
        progress.elapsed.as_secs_f64(),
        progress.sent,
        progress.ok,
        per_second(rate)
    )
}

/// `threshold exceeded: p99 = 1.11 ms (limit 1 us)`, or why that cannot be judged.
pub(crate) fn crossed(to: &mut dyn Write, crossing: &Crossing) -> io::Result<()> {
    let show = |value: Option<Quantity>| value.map_or("unknown".to_owned(), quantity);
    let (actual, limit) = (show(crossing.actual), show(crossing.limit));
    let figure = crossing.figure;
    if let Some(TooFewSamples { has, needs, .. }) = crossing.too_few {
        return writeln!(
            to,
            "bullhorn: {figure} cannot be judged: it needs {needs} correct answers, and there \
             were {has}; raise --count or --duration"
        );
    }
    if crossing.limit.is_none() {
        return writeln!(
            to,
            "bullhorn: {figure} cannot be judged: the baseline does not have it"
        );
    }
    writeln!(
        to,
        "bullhorn: threshold exceeded: {figure} = {actual} (limit {limit})"
    )
}

fn quantity(value: Quantity) -> String {
    match value {
        Quantity::Nanoseconds(ns) => round(ns.round() as u64),
        Quantity::PerSecond(rate) => per_second(rate),
        Quantity::Share(share) => format!("{:.4} %", share * 100.0),
        _ => "unknown".to_owned(),
    }
}
