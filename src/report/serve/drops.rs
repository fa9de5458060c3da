//! The causes of a drop with their counts, in the order in which they are printed.

use bullhorn_server::DatagramPeer;
use bullhorn_server::stats::{ConnectionDropCause, DatagramTotals, DropCause, StreamTotals};

/// Every cause for which a datagram is dropped.
pub(super) fn datagram_drops(totals: &DatagramTotals) -> impl Iterator<Item = (&'static str, u64)> {
    DropCause::ALL
        .map(|cause| (cause.name(), totals.dropped_by(cause)))
        .into_iter()
}

/// The same for one peer.
pub(super) fn datagram_peer_drops(
    totals: &DatagramPeer,
) -> impl Iterator<Item = (&'static str, u64)> {
    DropCause::ALL
        .map(|cause| (cause.name(), totals.dropped_by(cause)))
        .into_iter()
}

/// Every cause for which a connection is dropped.
pub(super) fn connection_drops(totals: &StreamTotals) -> impl Iterator<Item = (&'static str, u64)> {
    ConnectionDropCause::ALL
        .map(|cause| (cause.name(), totals.dropped_by(cause)))
        .into_iter()
}

/// ` (peer_gone 2, queue_full 1)`; empty when nothing was dropped.
pub(super) fn causes_text(causes: impl Iterator<Item = (&'static str, u64)>) -> String {
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
