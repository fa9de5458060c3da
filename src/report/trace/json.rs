//! A trace as one line of JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::path_error::path_error_json;
use crate::report::units::nanoseconds;
use bullhorn_client::trace::{Hop, Outcome, Trace};
use bullhorn_socket::endpoint::Endpoint;

/// An object with `"event": "summary"`.
pub(crate) fn trace_json(to: &mut dyn Write, given: &Endpoint, trace: &Trace) -> io::Result<()> {
    let path_error = match &trace.outcome {
        Outcome::Reported(error) => path_error_json(error),
        _ => Value::Null,
    };
    let line = json!({
        "schema": "bullhorn.trace/1",
        "event": "summary",
        "elapsed_ns": nanoseconds(trace.elapsed),
        "name": given.to_string(),
        "endpoint": trace.endpoint.to_string(),
        "source": trace.source.map(|source| source.to_string()),
        "text_bytes": trace.text_length,
        "rounds": trace.rounds,
        "answered": trace.answered,
        "hops": trace.hops.iter().map(hop_json).collect::<Vec<_>>(),
        "outcome": trace.outcome.name(),
        "outcome_hop": trace.outcome_ttl,
        "diagnosis": trace.outcome.to_string(),
        "path_error": path_error,
    });
    writeln!(to, "{line}")
}

fn hop_json(hop: &Hop) -> Value {
    let addresses = hop.addresses.iter().map(|it| {
        json!({
            "address": it.address.to_string(),
            "name": it.name,
            "replies": it.replies,
        })
    });
    json!({
        "hop": hop.ttl,
        "sent": hop.sent,
        "replied": hop.replied,
        "lost": hop.lost(),
        "rtt": hop.min.map(|min| json!({
            "min_ns": nanoseconds(min),
            "mean_ns": hop.mean().map(nanoseconds),
            "max_ns": hop.max.map(nanoseconds),
        })),
        "addresses": addresses.collect::<Vec<_>>(),
        "path_error": hop.report.as_ref().map(path_error_json),
    })
}
