//! What `bench` says: the sums, the rates, the latencies and their histogram, or all of it as JSON;
//! and the reading of an earlier JSON to compare with.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use bullhorn_client::bench::{
    Counts, Crossing, Latency, Progress, Quantity, RunResult, TIMELINE_STEP,
};
use bullhorn_client::bench::{Figures, PERCENTILES, Threshold};
use bullhorn_socket::visible::VisibleLines;

const SCHEMA: &str = "bullhorn.bench/1";

/// The longest bar of the histogram, in characters.
const BAR: u64 = 40;

/// A part of the latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bin {
    /// From this latency on.
    pub(crate) from_ns: u64,
    /// Below this one.
    pub(crate) below_ns: u64,
    /// How many answers.
    pub(crate) count: u64,
}

/// Steps of a decade, in hundredths: three of them, to be read, and ten, to be drawn.
const COARSE: [u64; 3] = [100, 200, 500];
const FINE: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];

/// The latencies in bins of which there are three in a decade, from the first with answers to the
/// last.
pub(crate) fn coarse_bins(latency: &Latency) -> Vec<Bin> {
    bins(latency, &COARSE)
}

/// [`coarse_bins`] with ten in a decade.
pub(crate) fn fine_bins(latency: &Latency) -> Vec<Bin> {
    bins(latency, &FINE)
}

fn bins(latency: &Latency, steps: &[u64]) -> Vec<Bin> {
    if latency.is_empty() {
        return Vec::new();
    }
    // From 100 ns; what is shorter is in the first bin.
    let edges = (0..9).flat_map(|decade| steps.iter().map(move |step| step * 10u64.pow(decade)));
    let edges: Vec<u64> = std::iter::once(0).chain(edges).collect();
    let ends = edges.iter().skip(1).copied().chain([u64::MAX]);
    let all = edges.iter().copied().zip(ends);
    let mut bins: Vec<Bin> = all
        .map(|(from_ns, below_ns)| Bin {
            from_ns,
            below_ns,
            count: 0,
        })
        .collect();
    // A value belongs to one bin alone, however wide the histogram's own steps are.
    for (ns, count) in latency.buckets() {
        let index = edges.partition_point(|edge| *edge <= ns);
        bins[index - 1].count += count;
    }
    let has_answers = |bin: &Bin| bin.count > 0;
    let begin = bins.iter().position(has_answers).unwrap_or(0);
    let end = bins
        .iter()
        .rposition(has_answers)
        .map_or(0, |last| last + 1);
    bins[begin..end].to_vec()
}

/// The whole result, to be read.
///
/// # Errors
/// The writer's.
pub(crate) fn text(to: &mut dyn Write, measured: &RunResult) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    let settings = &measured.settings;
    let record = &measured.record;
    write!(
        to,
        "{}: {}",
        measured.endpoint,
        plural(settings.flows, "flow")
    )?;
    if settings.rate.is_none() {
        write!(
            to,
            " with {} requests under way on each",
            settings.window.unwrap_or(1)
        )?;
    }
    write!(
        to,
        ", {} bytes each, {}",
        settings.size,
        plural(settings.threads, "thread")
    )?;
    if measured.has_offload {
        write!(to, ", offload")?;
    }
    writeln!(to, ", {:.3} s", measured.sending.as_secs_f64())?;
    writeln!(to, "{}", sums(&record.counts))?;
    if let Some(rate) = settings.rate {
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
    write!(to, "generator: ")?;
    if let Some(cpu) = measured.cpu {
        write!(to, "{:.2} CPU seconds, ", cpu.as_secs_f64())?;
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
    if measured.refused > 0 {
        writeln!(
            to,
            "refused: {} sends, after there had been answers",
            measured.refused
        )?;
    }
    if measured.closed > 0 {
        writeln!(to, "closed by the far end: {} connections", measured.closed)?;
    }
    if measured.is_early {
        writeln!(to, "stopped early (Ctrl-C)")?;
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
        return writeln!(to, "{name}: no right answer");
    }
    write!(to, "{name}:")?;
    for (name, percentile) in PERCENTILES {
        let ns = latency.percentile_ns(percentile).unwrap_or(0);
        write!(to, " {name} {},", duration(ns))?;
    }
    writeln!(to, " max {}", duration(latency.max_ns().unwrap_or(0)))
}

fn histogram(to: &mut dyn Write, latency: &Latency) -> io::Result<()> {
    let bins = coarse_bins(latency);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1);
    for bin in bins {
        let bar = (bin.count * BAR).div_ceil(most) as usize;
        let share = bin.count as f64 / latency.count() as f64 * 100.0;
        writeln!(
            to,
            "  from {:>7}  {:<width$}  {share:>7.3} %",
            duration(bin.from_ns),
            "█".repeat(bar),
            width = BAR as usize
        )?;
    }
    Ok(())
}

/// `81.5 us`, three digits.
pub(super) fn duration(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// `5.09 M/s`
pub(super) fn per_second(rate: f64) -> String {
    match rate {
        1e6.. => format!("{} M/s", three_digits(rate / 1e6)),
        1e4.. => format!("{} k/s", three_digits(rate / 1e3)),
        _ => format!("{} /s", three_digits(rate)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// One line for a terminal while the run goes on.
pub(crate) fn progress(progress: &Progress, rate: f64) -> String {
    format!(
        "{:>5.1} s  sent {}, ok {}, {}",
        progress.elapsed.as_secs_f64(),
        progress.sent,
        progress.ok,
        per_second(rate)
    )
}

/// `threshold exceeded: p99 = 1.11 ms (limit 1.00 us)`
///
/// # Errors
/// The writer's.
pub(crate) fn crossed(to: &mut dyn Write, crossing: &Crossing) -> io::Result<()> {
    let show = |value: Option<Quantity>| value.map_or("unknown".to_owned(), quantity);
    let (actual, limit) = (show(crossing.actual), show(crossing.limit));
    let figure = crossing.figure;
    writeln!(
        to,
        "bullhorn: threshold exceeded: {figure} = {actual} (limit {limit})"
    )
}

fn quantity(value: Quantity) -> String {
    match value {
        Quantity::Nanoseconds(ns) => duration(ns.round() as u64),
        Quantity::PerSecond(rate) => per_second(rate),
        Quantity::Share(share) => format!("{:.4} %", share * 100.0),
        _ => "unknown".to_owned(),
    }
}

/// One object with `"event": "summary"` and everything that was measured.
///
/// # Errors
/// The writer's.
pub(crate) fn summary_json(
    to: &mut dyn Write,
    measured: &RunResult,
    crossed: &[&Threshold],
) -> io::Result<()> {
    let settings = &measured.settings;
    let record = &measured.record;
    let counts = &record.counts;
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "endpoint": measured.endpoint.to_string(),
        "mode": if settings.rate.is_some() { "open" } else { "closed" },
        "flows": settings.flows,
        "window": settings.rate.is_none().then_some(settings.window),
        "threads": settings.threads,
        "size_bytes": settings.size,
        "offload": measured.has_offload,
        "timeout_ns": nanoseconds(settings.timeout),
        "sending_ns": nanoseconds(measured.sending),
        "elapsed_ns": nanoseconds(measured.elapsed),
        "sent": counts.sent,
        "ok": counts.ok,
        "corrupt": counts.corrupt,
        "lost": counts.lost,
        "pending": counts.pending,
        "duplicate": counts.duplicate,
        "late": counts.late,
        "stray": counts.stray,
        "warmup_sent": record.warmup.sent,
        "warmup_skipped": record.warmup_skipped,
        "loss_ppm": measured.loss().map(|loss| (loss * 1e6).round() as u64),
        "requested_per_second": settings.rate.map(|rate| rate.round() as u64),
        "sent_per_second": measured.sent_rate().round() as u64,
        "achieved_per_second": measured.achieved_rate().round() as u64,
        "latency": latency_json(&record.latency),
        "service": record.service.as_ref().map(latency_json),
        "latency_histogram": fine_bins(&record.latency).iter().map(|bin| json!({
            "from_ns": bin.from_ns,
            "below_ns": bin.below_ns,
            "count": bin.count,
        })).collect::<Vec<_>>(),
        "timeline_step_ns": nanoseconds(TIMELINE_STEP),
        "timeline_ok": record.timeline,
        "generator_cpu_ns": measured.cpu.map(nanoseconds),
        "generator_idle_ppm": (measured.idle_share() * 1e6).round() as u64,
        "generator_was_the_limit": measured.generator_was_limit(),
        "refused": measured.refused,
        "connections_closed": measured.closed,
        "ended_early": measured.is_early,
        "crossed": crossed.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    writeln!(to, "{line}")
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The name of a percentile as a key: `p99_9_ns`.
fn key(name: &str) -> String {
    format!("{}_ns", name.replace('.', "_"))
}

fn latency_json(latency: &Latency) -> Value {
    let mut object = serde_json::Map::new();
    let mut put = |name: String, ns: Option<u64>| {
        object.insert(name, ns.into());
    };
    put("min_ns".to_owned(), latency.min_ns());
    put("mean_ns".to_owned(), latency.mean_ns());
    for (name, percentile) in PERCENTILES {
        put(key(name), latency.percentile_ns(percentile));
    }
    put("max_ns".to_owned(), latency.max_ns());
    Value::Object(object)
}

/// The figures in what [`summary_json`] once wrote: in the last line that is not empty.
///
/// # Errors
/// Why it is none.
pub(crate) fn read_figures(text: &str) -> Result<Figures, String> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    let value: Value = serde_json::from_str(line.unwrap_or_default())
        .map_err(|_| "its last line is no JSON".to_owned())?;
    if value["schema"] != SCHEMA || value["event"] != "summary" {
        return Err(format!("its last line is no summary of {SCHEMA}"));
    }
    let latency = &value["latency"];
    let mut figures = Figures::default();
    figures.percentiles_ns = PERCENTILES.map(|(name, _)| latency[key(name)].as_u64());
    figures.max_ns = latency["max_ns"].as_u64();
    figures.rate = value["achieved_per_second"].as_f64();
    figures.loss = value["loss_ppm"].as_f64().map(|loss| loss / 1e6);
    Ok(figures)
}
