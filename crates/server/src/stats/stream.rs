//! The counters of connections, written by every event loop.

use std::sync::atomic::{AtomicU64, Ordering};

use super::causes::ConnectionDropCause;
use super::totals::StreamTotals;

/// The counters of one listening socket.
#[derive(Debug, Default)]
pub(crate) struct StreamCounters {
    pub(crate) accepted: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    pub(crate) answered_bytes: AtomicU64,
    pub(crate) unsent_bytes: AtomicU64,
    pub(crate) without_mptcp: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
    dropped: [AtomicU64; ConnectionDropCause::ALL.len()],
}

impl StreamCounters {
    pub(crate) fn count_drop(&self, cause: ConnectionDropCause) {
        self.dropped[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> StreamTotals {
        StreamTotals {
            accepted: self.accepted.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            answered_bytes: self.answered_bytes.load(Ordering::Relaxed),
            unsent_bytes: self.unsent_bytes.load(Ordering::Relaxed),
            without_mptcp: self.without_mptcp.load(Ordering::Relaxed),
            accept_failures: self.accept_failures.load(Ordering::Relaxed),
            dropped: self
                .dropped
                .each_ref()
                .map(|counter| counter.load(Ordering::Relaxed)),
        }
    }
}
