//! Events and the summary as JSON Lines.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::report::path_error::{counted_path_error_json, path_error_json};
use crate::report::units::nanoseconds;
use bullhorn_client::ping::Begin;
use bullhorn_client::ping::{ArrivalKind, Counts, Event, LatencySummary, Loss, Outage, Summary};
use bullhorn_socket::PathOutcome;

const SCHEMA: &str = "bullhorn.ping/1";

/// An object with `"event": "begin"`.
pub(crate) fn begin_json(to: &mut dyn Write, begin: &Begin<'_>) -> io::Result<()> {
    let line = json!({
        "schema": SCHEMA,
        "event": "begin",
        "given": begin.given.to_string(),
        "endpoint": begin.endpoint.to_string(),
        "started_at": humantime::format_rfc3339_millis(begin.started_at).to_string(),
        "text_bytes": begin.text_length,
        "interval_ns": nanoseconds(begin.interval),
        "flows": begin.flows,
        "sources": begin.sources.iter().map(source_json).collect::<Vec<_>>(),
        "reconnect": begin.reconnects,
    });
    writeln!(to, "{line}")
}

/// An object for one event. Flows are counted from 1.
pub(crate) fn event_json(
    to: &mut dyn Write,
    begin: std::time::Instant,
    at: Duration,
    event: &Event,
) -> io::Result<()> {
    let Some((name, fields)) = fields(begin, at, event) else {
        return Ok(());
    };
    let mut line = Map::new();
    line.insert("schema".into(), SCHEMA.into());
    line.insert("event".into(), name.into());
    line.insert("elapsed_ns".into(), nanoseconds(at).into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    writeln!(to, "{}", Value::Object(line))
}

/// The name of an event and what it has beside the keys of every event.
fn fields(begin: std::time::Instant, at: Duration, event: &Event) -> Option<(&'static str, Value)> {
    let (name, fields) = match event {
        Event::Answer { .. } => return answer_fields(event),
        Event::Stray {
            flow,
            length,
            excerpt,
        } => (
            "stray",
            json!({"flow": flow + 1, "bytes": length, "excerpt": excerpt.to_string()}),
        ),
        Event::Lost { number, flow, loss } => (
            "lost",
            json!({
                "number": number,
                "flow": flow + 1,
                "reason": loss.name(),
                "error": match loss {
                    Loss::Unsent(error) => Some(error.clone()),
                    Loss::Path(error) if error.outcome() == PathOutcome::Unsent => {
                        Some(error.to_string())
                    }
                    _ => None,
                },
                "path_error": match loss {
                    Loss::Path(error) => path_error_json(error),
                    _ => Value::Null,
                },
            }),
        ),
        Event::LossExplained {
            number,
            flow,
            error,
        } => (
            "loss_explained",
            json!({
                "number": number,
                "flow": flow + 1,
                "reason": error.outcome().name(),
                "path_error": path_error_json(error),
            }),
        ),
        Event::Skipped { probes, delay } => (
            "skipped",
            json!({"probes": probes, "held_up_ns": nanoseconds(*delay)}),
        ),
        Event::OutageBegan(outage) => ("outage_begin", outage_json(outage, begin, at)),
        Event::OutageEnded(outage) => ("outage_end", outage_json(outage, begin, at)),
        _ => return finding_fields(event),
    };
    Some((name, fields))
}

/// What was found out during an outage.
fn finding_fields(event: &Event) -> Option<(&'static str, Value)> {
    let (name, fields) = match event {
        Event::AddressChanged { given, from, to } => (
            "address_changed",
            json!({
                "given": given.to_string(),
                "from": from.to_string(),
                "to": to.to_string(),
            }),
        ),
        Event::LocalAddressChanged { flow, from, to } => (
            "local_address_changed",
            json!({
                "flow": flow + 1,
                "from": from.to_string(),
                "to": to.ip().to_string(),
                "source": to.to_string(),
            }),
        ),
        Event::FlowDiagnosed { flow, diagnosis } => (
            diagnosis.problem.name(),
            json!({
                "flow": flow + 1,
                "fresh_rtt_ns": diagnosis.round_trip.map(nanoseconds),
                "fresh_tried": diagnosis.tried,
                "fresh_answered": diagnosis.answered,
                "diagnosis": diagnosis.problem.to_string(),
            }),
        ),
        Event::OnlyLargeLost { flow, passed, lost } => (
            "size_limit",
            json!({
                "flow": flow + 1,
                "passed_bytes": passed,
                "lost_bytes": lost,
                "diagnosis": format!(
                    "only messages above {passed} bytes are lost: MTU or fragments"
                ),
            }),
        ),
        _ => return None,
    };
    Some((name, fields))
}

fn answer_fields(event: &Event) -> Option<(&'static str, Value)> {
    let Event::Answer {
        number,
        flow,
        length,
        round_trip,
        connect_time,
        kind,
        reordered,
        problem,
    } = event
    else {
        return None;
    };
    let name = match (kind, problem) {
        (ArrivalKind::Duplicate, _) => "duplicate",
        (ArrivalKind::Late, _) => "late",
        (ArrivalKind::InTime, None) => "answer",
        (ArrivalKind::InTime, Some(_)) => "wrong_answer",
    };
    let fields = json!({
        "number": number,
        "flow": flow + 1,
        "bytes": length,
        "rtt_ns": round_trip.map(nanoseconds),
        "connect_ns": connect_time.map(nanoseconds),
        "reordered": reordered,
        "problem": problem.as_ref().map(|its| its.problem.name()),
        "diagnosis": problem.as_ref().map(|its| its.problem.to_string()),
        "excerpt": problem.as_ref().map(|its| its.excerpt.to_string()),
    });
    Some((name, fields))
}

/// An object with `"event": "summary"`, or `"interim"` before the last. `output_dropped` counts the
/// events that were not printed.
pub(crate) fn summary_json(
    to: &mut dyn Write,
    summary: &Summary,
    output_dropped: u64,
    is_last: bool,
) -> io::Result<()> {
    let mut line = Map::new();
    line.insert("schema".into(), SCHEMA.into());
    let event = if is_last { "summary" } else { "interim" };
    line.insert("event".into(), event.into());
    line.insert("elapsed_ns".into(), nanoseconds(summary.elapsed).into());
    line.insert("given".into(), summary.given.to_string().into());
    line.insert("endpoint".into(), summary.endpoint.to_string().into());
    add_counts(&mut line, &summary.counts);
    line.insert("rtt".into(), figures_json(summary.round_trips.as_ref()));
    let connect_times = summary.connect_times.as_ref();
    line.insert("connect".into(), figures_json(connect_times));
    line.insert("jitter_ns".into(), summary.jitter_ns.into());
    line.insert("send_lag".into(), figures_json(summary.send_lag.as_ref()));
    line.insert("local_drops".into(), summary.local_drops.into());
    line.insert("skipped".into(), summary.skipped.into());
    line.insert("behaviour".into(), summary.behaviour().name().into());
    let flows = summary.flows.iter().enumerate().map(|(index, flow)| {
        let mut entry = Map::new();
        entry.insert("flow".into(), (index + 1).into());
        entry.insert("source".into(), source_json(&flow.source));
        add_counts(&mut entry, &flow.counts);
        entry.insert("rtt".into(), figures_json(flow.round_trips.as_ref()));
        entry.insert("jitter_ns".into(), flow.jitter_ns.into());
        Value::Object(entry)
    });
    line.insert("flows".into(), flows.collect());
    let path_errors = summary.path_errors.iter();
    line.insert(
        "path_errors".into(),
        path_errors
            .map(|entry| counted_path_error_json(&entry.error, entry.count))
            .collect(),
    );
    let outages = &summary.outages;
    line.insert("outages".into(), outages.number.into());
    line.insert(
        "outage_longest_ns".into(),
        nanoseconds(outages.longest).into(),
    );
    line.insert("outage_total_ns".into(), nanoseconds(outages.total).into());
    let listed = outages.listed.iter();
    line.insert(
        "outage_list".into(),
        listed
            .map(|outage| outage_json(outage, summary.start, summary.elapsed))
            .collect(),
    );
    line.insert("fresh_ports_tried".into(), summary.fresh_sent.into());
    line.insert("fresh_ports_answered".into(), summary.fresh_answered.into());
    line.insert("sizes_tried".into(), summary.sizes_sent.into());
    line.insert("sizes_answered".into(), summary.sizes_answered.into());
    line.insert("output_dropped".into(), output_dropped.into());
    writeln!(to, "{}", Value::Object(line))
}

/// `null` for a Unix socket.
fn source_json(source: &Option<SocketAddr>) -> Value {
    source.map(|source| source.to_string()).into()
}

fn add_counts(to: &mut Map<String, Value>, counts: &Counts) {
    for (name, count) in [
        ("sent", counts.sent),
        ("ok", counts.ok),
        ("corrupt", counts.corrupt),
        ("lost", counts.lost),
        ("pending", counts.pending),
        ("refused", counts.refused),
        ("rejected", counts.rejected),
        ("unreachable", counts.unreachable),
        ("too_big", counts.too_big),
        ("unsent", counts.unsent),
        ("duplicate", counts.duplicate),
        ("reordered", counts.reordered),
        ("late", counts.late),
        ("wrong", counts.wrong),
        ("stray", counts.stray),
    ] {
        to.insert(name.into(), count.into());
    }
}

fn figures_json(figures: Option<&LatencySummary>) -> Value {
    figures.map_or(Value::Null, |figures| {
        json!({
            "min_ns": figures.min_ns,
            "mean_ns": figures.mean_ns,
            "p50_ns": figures.p50_ns,
            "p90_ns": figures.p90_ns,
            "p99_ns": figures.p99_ns,
            "p99_9_ns": figures.p99_9_ns,
            "max_ns": figures.max_ns,
        })
    })
}

/// At a time `at` after the beginning.
fn outage_json(outage: &Outage, begin: std::time::Instant, at: Duration) -> Value {
    let after = |at: std::time::Instant| nanoseconds(at.saturating_duration_since(begin));
    json!({
        "flow": outage.flow + 1,
        "first_number": outage.first_number,
        "start_ns": after(outage.start),
        "end_ns": outage.end.map(after),
        "length_ns": nanoseconds(outage.length(begin + at)),
        "lost": outage.lost,
    })
}
