//! Ready lines and totals for people.

use std::io::{self, Write};
use std::num::NonZeroU32;

use super::drops::{causes_text, connection_drops, datagram_drops};
use super::metrics_url::metrics_url;
use bullhorn::sandbox::Applied;
use bullhorn_server::stats::{DatagramTotals, Stats, StreamTotals, Totals};
use bullhorn_socket::Description;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::visible::VisibleLines;

/// `ready: udp://127.0.0.1:3000 (AF_INET, SOCK_DGRAM, descriptor 3)`
pub(crate) fn ready_text(to: &mut dyn Write, socket: &Description) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    writeln!(
        to,
        "ready: {} ({}, {}, descriptor {})",
        socket.endpoint, socket.family, socket.socket_type, socket.descriptor
    )
}

/// `sandbox: no_new_privs, Landlock ABI 7, seccomp`, or a warning of what is missing and why.
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
    let warning = match sandbox.is_complete() {
        true => "",
        false => "bullhorn: warning: ",
    };
    writeln!(
        to,
        "{warning}sandbox: {no_new_privs}, {landlock}, {seccomp}"
    )
}

/// The rate limit of a server on a public address, if it is the default.
pub(crate) fn rate_limit_text(to: &mut dyn Write, per_second: NonZeroU32) -> io::Result<()> {
    writeln!(
        to,
        "rate limit: {per_second} datagrams a second from one address (higher for the surrounding \
         prefix); change with --rate-limit"
    )
}

/// `metrics: http://127.0.0.1:9300/metrics`
pub(crate) fn metrics_text(to: &mut dyn Write, socket: &Description) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    match metrics_url(socket) {
        Some(url) => writeln!(to, "metrics: {url}"),
        None => writeln!(to, "metrics: /metrics over HTTP on {}", socket.endpoint),
    }
}

/// A line for each endpoint, which balances: received = answered + dropped. One more for dropped
/// log lines, if there are any.
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
        "{endpoint}: received {} = answered {} + dropped {}{}; dropped by the kernel: {}",
        totals.received,
        totals.answered,
        totals.dropped(),
        causes_text(datagram_drops(totals)),
        totals.kernel_dropped,
    )?;
    if let Some(impaired) = &totals.impaired {
        let named: Vec<String> = impaired
            .named()
            .map(|(name, count)| format!("{count} {name}"))
            .into();
        writeln!(to, "{endpoint}: impaired by --impair: {}", named.join(", "))?;
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
    if totals.without_mptcp > 0 {
        write!(to, "; without MPTCP: {}", totals.without_mptcp)?;
    }
    if totals.accept_failures > 0 {
        write!(to, "; failed to accept: {}", totals.accept_failures)?;
    }
    writeln!(to)
}
