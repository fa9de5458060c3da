//! Sizes and the summary as JSON Lines.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::verdict::Verdict;
use crate::report::path_error::path_error_json;
use crate::report::units::nanoseconds;
use bullhorn_client::sweep::{Event, Limit, Obstacle, Summary};

const SCHEMA: &str = "bullhorn.sweep/1";

/// An object with `"event": "begin"` or `"event": "size"`.
pub(crate) fn event_json(to: &mut dyn Write, event: &Event<'_>) -> io::Result<()> {
    let line = match event {
        Event::Begin(begin) => json!({
            "schema": SCHEMA,
            "event": "begin",
            "given": begin.given.to_string(),
            "endpoint": begin.endpoint.to_string(),
            "started_at": humantime::format_rfc3339_millis(begin.started_at).to_string(),
            "source": begin.source.map(|source| source.to_string()),
            "from_bytes": begin.from,
            "to_bytes": begin.to,
        }),
        Event::Size(result) => {
            let obstacle = result.result.as_ref().err();
            let round_trip = result.result.as_ref().ok();
            json!({
                "schema": SCHEMA,
                "event": "size",
                "elapsed_ns": nanoseconds(result.elapsed),
                "measure": result.measure.name(),
                "bytes": result.size,
                "passed": round_trip.is_some(),
                "tries": result.tries,
                "rtt_ns": round_trip.copied().map(nanoseconds),
                "reason": obstacle.map(Obstacle::name),
                "description": obstacle.map(Obstacle::to_string),
                "path_error": obstacle_json(obstacle),
            })
        }
        _ => return Ok(()),
    };
    writeln!(to, "{line}")
}

fn obstacle_json(obstacle: Option<&Obstacle>) -> Value {
    obstacle
        .and_then(Obstacle::path_error)
        .map_or(Value::Null, path_error_json)
}

/// An object with `"event": "summary"`.
pub(crate) fn summary_json(to: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let mss = summary.mss.map(|mss| {
        json!({
            "at_connect": mss.at_connect,
            "in_force": mss.in_force,
            "path_mtu": mss.path_mtu,
        })
    });
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "elapsed_ns": nanoseconds(summary.elapsed),
        "given": summary.given.to_string(),
        "endpoint": summary.endpoint.to_string(),
        "source": summary.source.map(|source| source.to_string()),
        "sent": summary.sent,
        "late": summary.late,
        "header_bytes": summary.unfragmented.as_ref().map(|_| summary.header),
        "local_mtu": summary.local_mtu,
        "path_mtu": summary.path_mtu(),
        "unfragmented": summary.unfragmented.as_ref().map(limit_json),
        "fragmented": summary.fragmented.as_ref().map(limit_json),
        "stream": summary.stream.as_ref().map(limit_json),
        "mss": mss,
        "verdict": Verdict(summary).to_string(),
    });
    writeln!(to, "{line}")
}

fn limit_json(limit: &Limit) -> Value {
    json!({
        "from_bytes": limit.from,
        "to_bytes": limit.to,
        "passed_bytes": limit.passed,
        "lost_bytes": limit.lost,
        "reason": limit.obstacle.as_ref().map(Obstacle::name),
        "path_error": obstacle_json(limit.obstacle.as_ref()),
        "too_big": limit.too_big.as_ref().map(path_error_json),
        "black_hole": limit.is_black_hole(),
        "complete": limit.is_complete,
    })
}
