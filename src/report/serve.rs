//! What a server says: a line when each socket is ready, and the totals at the end.

use std::io::{self, Write};
use std::num::NonZeroU32;

use serde_json::{Map, Value, json};

use bullhorn::sandbox::Applied;
use bullhorn_server::stats::{
    ConnectionDropCause, DatagramTotals, DropCause, Stats, StreamTotals, Totals,
};
use bullhorn_socket::Description;
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};
use bullhorn_socket::visible::VisibleLines;

const SCHEMA: &str = "bullhorn.serve/1";

/// `ready: udp://127.0.0.1:3000 (AF_INET, SOCK_DGRAM, descriptor 3)`
///
/// # Errors
/// The writer's.
pub(crate) fn ready_text(to: &mut dyn Write, socket: &Description) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    writeln!(
        to,
        "ready: {} ({}, {}, descriptor {})",
        socket.endpoint, socket.family, socket.socket_type, socket.descriptor
    )
}

/// `sandbox: no_new_privs, Landlock ABI 7, seccomp`, or what is missing and why.
///
/// # Errors
/// The writer's.
pub(crate) fn sandbox_text(to: &mut dyn Write, sandbox: &Applied) -> io::Result<()> {
    let no_new_privs = match sandbox.no_new_privs {
        true => "no_new_privs",
        false => "without no_new_privs",
    };
    let landlock = match &sandbox.landlock {
        Ok(abi) => format!("Landlock ABI {abi}"),
        Err(reason) => format!("without Landlock ({reason})"),
    };
    let seccomp = match &sandbox.seccomp {
        Ok(()) => "seccomp".to_owned(),
        Err(reason) => format!("without seccomp ({reason})"),
    };
    writeln!(to, "sandbox: {no_new_privs}, {landlock}, {seccomp}")
}

/// What one source is answered, as whoever put the server on a public address did not ask for it.
///
/// # Errors
/// The writer's.
pub(crate) fn rate_limit_text(to: &mut dyn Write, per_second: NonZeroU32) -> io::Result<()> {
    writeln!(
        to,
        "rate limit: {per_second} datagrams a second from one address, more from the network around \
         it; --rate-limit sets another, or off"
    )
}

/// An object with `"event": "ready"`; `rate_limit` is that of the server's datagrams. Without a sandbox
/// its key is `null`.
///
/// # Errors
/// The writer's.
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

/// `metrics: http://127.0.0.1:9300/metrics`
///
/// # Errors
/// The writer's.
pub(crate) fn metrics_text(to: &mut dyn Write, socket: &Description) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    match metrics_url(socket) {
        Some(url) => writeln!(to, "metrics: {url}"),
        None => writeln!(to, "metrics: /metrics over HTTP on {}", socket.endpoint),
    }
}

/// An object with `"event": "metrics"`.
///
/// # Errors
/// The writer's.
pub(crate) fn metrics_json(to: &mut dyn Write, socket: &Description) -> io::Result<()> {
    let line = json!({
        "schema": SCHEMA,
        "event": "metrics",
        "endpoint": socket.endpoint.to_string(),
        "url": metrics_url(socket),
    });
    writeln!(to, "{line}")
}

/// Unix sockets have none.
fn metrics_url(socket: &Description) -> Option<String> {
    let endpoint = socket.endpoint.to_string();
    let address = endpoint.strip_prefix("tcp://")?;
    Some(format!("http://{address}/metrics"))
}

/// A line for each endpoint: what was received is what was answered and what was dropped. One more for
/// the lines of the log that were dropped, if any.
///
/// # Errors
/// The writer's.
pub(crate) fn totals_text(
    to: &mut dyn Write,
    stats: &Stats,
    log_lines_dropped: u64,
) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    for (endpoint, totals) in &stats.endpoints {
        match totals {
            Totals::Datagram(totals) => datagram_text(to, endpoint, totals)?,
            Totals::Stream(totals) => stream_text(to, endpoint, totals)?,
        }
    }
    if log_lines_dropped > 0 {
        writeln!(to, "log: dropped {log_lines_dropped} lines")?;
    }
    Ok(())
}

fn datagram_text(
    to: &mut dyn Write,
    endpoint: &Endpoint,
    totals: &DatagramTotals,
) -> io::Result<()> {
    writeln!(
        to,
        "{endpoint}: received {} = answered {} + dropped {}{}; dropped by the kernel before: {}",
        totals.received,
        totals.answered,
        totals.dropped(),
        causes_text(drops(totals)),
        totals.kernel_dropped,
    )?;
    if let Some(impaired) = &totals.impaired {
        let named: Vec<String> = impaired
            .named()
            .map(|(name, count)| format!("{count} {name}"))
            .into();
        writeln!(to, "{endpoint}: impaired on request: {}", named.join(", "))?;
    }
    Ok(())
}

fn stream_text(to: &mut dyn Write, endpoint: &Endpoint, totals: &StreamTotals) -> io::Result<()> {
    write!(
        to,
        "{endpoint}: accepted {} = finished {} + dropped {}{}; bytes received: {}, answered: {}, unsent: {}",
        totals.accepted,
        totals.finished,
        totals.dropped(),
        causes_text(connection_drops(totals)),
        totals.received_bytes,
        totals.answered_bytes,
        totals.unsent_bytes,
    )?;
    if totals.accept_failures > 0 {
        write!(to, "; failed to accept: {}", totals.accept_failures)?;
    }
    writeln!(to)
}

fn drops(totals: &DatagramTotals) -> impl Iterator<Item = (&'static str, u64)> {
    DropCause::ALL
        .map(|cause| (cause.name(), totals.dropped_by(cause)))
        .into_iter()
}

fn connection_drops(totals: &StreamTotals) -> impl Iterator<Item = (&'static str, u64)> {
    ConnectionDropCause::ALL
        .map(|cause| (cause.name(), totals.dropped_by(cause)))
        .into_iter()
}

/// ` (peer_gone 2, queue_full 1)`, or nothing when nothing was dropped.
fn causes_text(causes: impl Iterator<Item = (&'static str, u64)>) -> String {
    let named: Vec<String> = causes
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if named.is_empty() {
        String::new()
    } else {
        format!(" ({})", named.join(", "))
    }
}

/// One object with `"event": "summary"`: the sums, and every endpoint with every cause.
///
/// # Errors
/// The writer's.
pub(crate) fn totals_json(
    to: &mut dyn Write,
    stats: &Stats,
    log_lines_dropped: u64,
) -> io::Result<()> {
    let mut sum = [0; 4];
    let endpoints: Vec<Value> = stats
        .endpoints
        .iter()
        .map(|(endpoint, totals)| match totals {
            Totals::Datagram(totals) => {
                let counts = [
                    totals.received,
                    totals.answered,
                    totals.dropped(),
                    totals.kernel_dropped,
                ];
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum += count;
                }
                json!({
                    "endpoint": endpoint.to_string(),
                    "type": "SOCK_DGRAM",
                    "received": totals.received,
                    "answered": totals.answered,
                    "dropped": totals.dropped(),
                    "dropped_by": causes_json(drops(totals)),
                    "kernel_dropped": totals.kernel_dropped,
                    "impaired": totals.impaired.map(|impaired| {
                        causes_json(impaired.named().into_iter())
                    }),
                })
            }
            Totals::Stream(totals) => json!({
                "endpoint": endpoint.to_string(),
                "type": "SOCK_STREAM",
                "accepted": totals.accepted,
                "finished": totals.finished,
                "dropped": totals.dropped(),
                "dropped_by": causes_json(connection_drops(totals)),
                "received_bytes": totals.received_bytes,
                "answered_bytes": totals.answered_bytes,
                "unsent_bytes": totals.unsent_bytes,
                "accept_failures": totals.accept_failures,
            }),
        })
        .collect();
    let [received, answered, dropped, kernel_dropped] = sum;
    let line = json!({
        "schema": SCHEMA,
        "event": "summary",
        "received": received,
        "answered": answered,
        "dropped": dropped,
        "kernel_dropped": kernel_dropped,
        "log_lines_dropped": log_lines_dropped,
        "endpoints": endpoints,
    });
    writeln!(to, "{line}")
}

fn causes_json(causes: impl Iterator<Item = (&'static str, u64)>) -> Value {
    Value::Object(
        causes
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect::<Map<_, _>>(),
    )
}
