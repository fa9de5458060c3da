//! The causes of a drop with their counts, in the order in which they are printed.

use bullhorn_server::stats::{ConnectionDropCause, DatagramTotals, DropCause, StreamTotals};

/// Every cause for which a datagram is dropped.
pub(super) fn datagram_drops(totals: &DatagramTotals) -> impl Iterator<Item = (&'static str, u64)> {
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
