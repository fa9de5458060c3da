//! Ready lines and totals as JSON Lines.

use std::io::{self, Write};
use std::num::NonZeroU32;

use serde_json::{Map, Value, json};

use super::drops::{connection_drops, datagram_drops};
use super::metrics_url::metrics_url;
use bullhorn::sandbox::Applied;
use bullhorn_server::stats::{DatagramTotals, Stats, StreamTotals, Totals};
use bullhorn_socket::Description;
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};

pub(super) const SCHEMA: &str = "bullhorn.serve/1";

/// An object with `"event": "ready"`; `rate_limit` applies only to UDP. Without a sandbox its key
/// is `null`.
pub(crate) fn ready_json(
    to: &mut dyn Write,
    socket: &Description,
    sandbox: Option<&Applied>,
    rate_limit: Option<NonZeroU32>,
) -> io::Result<()> {
    let is_limited = socket.socket_type == SocketType::Datagram && socket.family != Family::Unix;
    let rate_limit = rate_limit.filter(|_| is_limited).map(NonZeroU32::get);
    let line = json!({
        "schema": SCHEMA,
        "event": "ready",
        "endpoint": socket.endpoint.to_string(),
        "family": socket.family.to_string(),
        "type": socket.socket_type.to_string(),
        "descriptor": socket.descriptor,
        "sandbox": sandbox.map(|sandbox| json!({
            "no_new_privs": sandbox.no_new_privs,
            "landlock_abi": sandbox.landlock.as_ref().ok(),
            "seccomp": sandbox.seccomp.is_ok(),
        })),
        "rate_limit_per_second": rate_limit,
    });
    writeln!(to, "{line}")
}

/// An object with `"event": "metrics"`.
pub(crate) fn metrics_json(to: &mut dyn Write, socket: &Description) -> io::Result<()> {
    let line = json!({
        "schema": SCHEMA,
        "event": "metrics",
        "endpoint": socket.endpoint.to_string(),
        "url": metrics_url(socket),
    });
    writeln!(to, "{line}")
}

/// One object with `"event": "summary"`: the sums, and every endpoint with every cause.
pub(crate) fn totals_json(
    to: &mut dyn Write,
    stats: &Stats,
    log_lines_dropped: u64,
) -> io::Result<()> {
    let sum = |count: fn(&DatagramTotals) -> u64| -> u64 {
        let totals = stats.endpoints.iter().map(|(_, totals)| totals);
        totals
            .map(|totals| match totals {
                Totals::Datagram(totals) => count(totals),
                Totals::Stream(_) => 0,
            })
            .sum()
    };
    let endpoints: Vec<Value> = stats
        .endpoints
        .iter()
        .map(|(endpoint, totals)| match totals {
            Totals::Datagram(totals) => datagram_json(endpoint, totals),
            Totals::Stream(totals) => stream_json(endpoint, totals),
        })
        .collect();
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "received": sum(|totals| totals.received),
        "answered": sum(|totals| totals.answered),
        "dropped": sum(DatagramTotals::dropped),
        "kernel_dropped": sum(|totals| totals.kernel_dropped),
        "log_lines_dropped": log_lines_dropped,
        "endpoints": endpoints,
    });
    writeln!(to, "{line}")
}

fn datagram_json(endpoint: &Endpoint, totals: &DatagramTotals) -> Value {
    json!({
        "endpoint": endpoint.to_string(),
        "type": "SOCK_DGRAM",
        "received": totals.received,
        "answered": totals.answered,
        "dropped": totals.dropped(),
        "dropped_by": causes_json(datagram_drops(totals)),
        "kernel_dropped": totals.kernel_dropped,
        "impaired": totals.impaired.map(|impaired| causes_json(impaired.named().into_iter())),
    })
}

fn stream_json(endpoint: &Endpoint, totals: &StreamTotals) -> Value {
    json!({
        "endpoint": endpoint.to_string(),
        "type": endpoint.socket_type().unwrap_or(SocketType::Stream).to_string(),
        "accepted": totals.accepted,
        "finished": totals.finished,
        "dropped": totals.dropped(),
        "dropped_by": causes_json(connection_drops(totals)),
        "received_bytes": totals.received_bytes,
        "answered_bytes": totals.answered_bytes,
        "unsent_bytes": totals.unsent_bytes,
        "without_mptcp": totals.without_mptcp,
        "accept_failures": totals.accept_failures,
    })
}

fn causes_json(causes: impl Iterator<Item = (&'static str, u64)>) -> Value {
    Value::Object(
        causes
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect::<Map<_, _>>(),
    )
}
