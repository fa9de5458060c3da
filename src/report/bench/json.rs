//! The result as one JSON object.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::bins::fine_bins;
use crate::report::path_error::counted_path_error_json;
use crate::report::units::nanoseconds;
use bullhorn_client::bench::{Latency, PERCENTILES, RunResult, TIMELINE_STEP, Threshold};
use bullhorn_socket::PathOutcome;

/// The schema of what is written here and read as a baseline.
pub(super) const SCHEMA: &str = "bullhorn.bench/1";

/// One object with `"event": "summary"` and everything that was measured. `hint` says what may
/// explain the loss.
pub(crate) fn summary_json(
    to: &mut dyn Write,
    measured: &RunResult,
    crossed: &[&Threshold],
    hint: Option<&str>,
) -> io::Result<()> {
    let settings = &measured.settings;
    let record = &measured.record;
    let counts = &record.counts;
    let mut line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "given": measured.given.to_string(),
        "endpoint": measured.endpoint.to_string(),
        "mode": if settings.rate.is_some() { "open" } else { "closed" },
        "flows": settings.flows,
        "window": settings.rate.is_none().then_some(settings.window),
        "threads": settings.threads,
        "size_bytes": settings.size,
        "offload": measured.has_offload,
        "timeout_ns": nanoseconds(settings.timeout),
        "connect_max_ns": nanoseconds(measured.connecting.longest),
        "slow_connects": measured.connecting.slow,
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
        "refused": measured.count_path_errors(PathOutcome::Refused),
        "connections_closed": measured.closed,
        "ended_early": measured.is_early,
        "crossed": crossed.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    // One macro does not take so many keys.
    line["hint"] = hint.into();
    line["first_wrong"] = record.first_wrong.as_ref().map(ToString::to_string).into();
    add_path_errors(&mut line, measured);
    writeln!(to, "{line}")
}

fn add_path_errors(line: &mut Value, measured: &RunResult) {
    for outcome in [
        PathOutcome::Rejected,
        PathOutcome::Unreachable,
        PathOutcome::TooBig,
    ] {
        line[outcome.name()] = measured.count_path_errors(outcome).into();
    }
    let entries = measured.path_errors().iter();
    let entries = entries.map(|entry| counted_path_error_json(&entry.error, entry.count));
    line["path_errors"] = entries.collect();
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

/// The name of a percentile as a key: `p99_9_ns`.
pub(super) fn key(name: &str) -> String {
    format!("{}_ns", name.replace('.', "_"))
}
