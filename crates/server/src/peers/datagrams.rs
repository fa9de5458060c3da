//! The peers of one datagram worker, its only writer: one lock for each batch, which a reader alone
//! contends for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::peer::DatagramPeer;
use super::table::Table;
use crate::stats::DropCause;
use bullhorn_socket::Address;
use bullhorn_socket::datagrams::Run;

/// What a worker has received from one address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) totals: DatagramPeer,
    pub(super) last_seen: Option<Instant>,
}

/// The table of one worker, as others read it.
#[derive(Clone, Debug)]
pub(super) struct DatagramPeers(Arc<Mutex<Table<Row>>>);

impl DatagramPeers {
    pub(super) fn new(max: usize) -> Self {
        Self(Arc::new(Mutex::new(Table::new(max, |_| false))))
    }

    /// Gives every row to `add`, and returns how many were replaced.
    pub(super) fn read(&self, mut add: impl FnMut(&Address, Row)) -> u64 {
        let table = self.lock();
        for (address, row) in table.rows() {
            add(address, *row);
        }
        table.evicted()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The write access of the worker. It cannot be copied, so the table has one writer.
#[derive(Debug)]
pub(crate) struct PeerTally {
    peers: DatagramPeers,
    /// The drops of the current batch.
    drops: Vec<RunDrop>,
}

#[derive(Clone, Copy, Debug)]
struct RunDrop {
    run: usize,
    cause: DropCause,
    datagrams: u64,
}

impl PeerTally {
    pub(super) fn new(peers: DatagramPeers) -> Self {
        Self {
            peers,
            drops: Vec::new(),
        }
    }

    /// Datagrams of the batch's run `run` are not answered.
    pub(crate) fn note_drop(&mut self, cause: DropCause, datagrams: usize, run: usize) {
        self.drops.push(RunDrop {
            run,
            cause,
            datagrams: datagrams as u64,
        });
    }

    /// Counts a received batch, with the drops noted. What was not dropped counts as answered, also
    /// while the simulated bad network still delays it.
    pub(crate) fn count_batch(&mut self, runs: &[Run]) {
        let now = Instant::now();
        self.drops.sort_unstable_by_key(|drop| drop.run);
        let mut drops = self.drops.drain(..).peekable();
        let mut table = self.peers.lock();
        for (index, run) in runs.iter().enumerate() {
            let row = table.row(&run.peer);
            row.last_seen = Some(now);
            row.totals.received += run.datagrams() as u64;
            while let Some(drop) = drops.next_if(|drop| drop.run == index) {
                row.totals.dropped[drop.cause as usize] += drop.datagrams;
            }
        }
    }

    /// Counts the drops noted of answers to earlier batches.
    pub(crate) fn count_late_drops(&mut self, runs: &[Run]) {
        let mut table = self.peers.lock();
        for drop in self.drops.drain(..) {
            if let Some(row) = table.find(&runs[drop.run].peer) {
                row.totals.dropped[drop.cause as usize] += drop.datagrams;
            }
        }
    }
}
