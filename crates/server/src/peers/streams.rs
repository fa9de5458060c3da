//! The peers of one listener, and what their connections count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::table::Table;
use crate::stats::StreamCounters;
use bullhorn_socket::Address;

/// What one address has done; all its connections write to it.
#[derive(Debug)]
pub(crate) struct StreamPeer {
    pub(crate) counters: StreamCounters,
    created: Instant,
    /// In nanoseconds since `created`.
    last_seen_ns: AtomicU64,
}

impl Default for StreamPeer {
    fn default() -> Self {
        Self {
            counters: StreamCounters::default(),
            created: Instant::now(),
            last_seen_ns: AtomicU64::default(),
        }
    }
}

impl StreamPeer {
    /// It has connected, sent or taken something now.
    pub(crate) fn note_activity(&self) {
        let since = self.created.elapsed().as_nanos() as u64;
        self.last_seen_ns.fetch_max(since, Ordering::Relaxed);
    }

    pub(super) fn last_seen(&self) -> Instant {
        self.created + Duration::from_nanos(self.last_seen_ns.load(Ordering::Relaxed))
    }
}

/// The table of one listener. The lock is taken for each accepted connection and by readers.
#[derive(Clone, Debug)]
pub(crate) struct StreamPeers(Arc<Mutex<Table<Arc<StreamPeer>>>>);

impl StreamPeers {
    pub(super) fn new(max: usize) -> Self {
        // Its connections hold it too.
        let is_connected = |peer: &Arc<StreamPeer>| Arc::strong_count(peer) > 1;
        Self(Arc::new(Mutex::new(Table::new(max, is_connected))))
    }

    /// The peer of a connection that was just accepted.
    pub(crate) fn connected(&self, peer: &Address) -> Arc<StreamPeer> {
        let peer = self.lock().row(peer).clone();
        peer.counters.accepted.fetch_add(1, Ordering::Relaxed);
        peer.note_activity();
        peer
    }

    /// Gives every row to `add`, and returns how many were replaced.
    pub(super) fn read(&self, mut add: impl FnMut(&Address, &StreamPeer)) -> u64 {
        let table = self.lock();
        for (address, peer) in table.rows() {
            add(address, peer);
        }
        table.evicted()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table<Arc<StreamPeer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
