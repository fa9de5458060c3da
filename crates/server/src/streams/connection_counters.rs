//! Where one connection is counted: with its listener, and with its peer where peers are listed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::peers::StreamPeer;
use crate::stats::{ConnectionDropCause, StreamCounters};

/// The counters of one connection.
pub(super) struct ConnectionCounters {
    listener: Arc<StreamCounters>,
    peer: Option<Arc<StreamPeer>>,
}

impl ConnectionCounters {
    pub(super) fn new(listener: Arc<StreamCounters>, peer: Option<Arc<StreamPeer>>) -> Self {
        Self { listener, peer }
    }

    pub(super) fn count_received(&self, bytes: usize) {
        self.add(|counters| &counters.received_bytes, bytes);
    }

    pub(super) fn count_answered(&self, bytes: usize) {
        self.add(|counters| &counters.answered_bytes, bytes);
    }

    pub(super) fn count_unsent(&self, bytes: usize) {
        for counters in self.both() {
            counters
                .unsent_bytes
                .fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn count_finished(&self) {
        for counters in self.both() {
            counters.finished.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_drop(&self, cause: ConnectionDropCause) {
        for counters in self.both() {
            counters.count_drop(cause);
        }
    }

    fn add(&self, counter: fn(&StreamCounters) -> &AtomicU64, bytes: usize) {
        counter(&self.listener).fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(peer) = &self.peer {
            counter(&peer.counters).fetch_add(bytes as u64, Ordering::Relaxed);
            peer.note_activity();
        }
    }

    fn both(&self) -> impl Iterator<Item = &StreamCounters> {
        let peer = self.peer.iter().map(|peer| &peer.counters);
        std::iter::once(&*self.listener).chain(peer)
    }
}
