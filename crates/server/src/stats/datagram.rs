//! The counters of datagrams: one set for each worker, its only writer.
//!
//! With one writer, adding is a load and a store and needs no locked instruction, so a batch of a
//! single datagram can afford it. The totals are the sum over all workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::causes::DropCause;
use super::histogram::Histogram;
use super::impaired::ImpairTotals;
use super::totals::DatagramTotals;
use crate::peers::PeerTally;
use bullhorn_socket::datagrams::Run;

/// A number that one thread writes and any may read.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// For the one writer alone.
    fn add(&self, more: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(more);
        self.0.store(sum, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of a [`Histogram`], without its sum, which is counted separately.
#[derive(Debug, Default)]
struct Sizes([Count; Histogram::COUNTS]);

impl Sizes {
    fn add(&self, size: usize, times: u64) {
        self.0[Histogram::index_of(size)].add(times);
    }

    fn read(&self, sum: u64) -> Histogram {
        Histogram::new(self.0.each_ref().map(Count::get), sum)
    }
}

/// What one worker has counted.
///
/// Aligned so that two workers never write to one cache line, nor to two that the processor
/// fetches as a pair.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct DatagramCounters {
    received: Count,
    received_bytes: Count,
    answered: Count,
    batches: Sizes,
    runs: Sizes,
    datagrams: Sizes,
    dropped: [Count; DropCause::ALL.len()],
    /// Set where there is a bad network.
    impaired: Option<[Count; ImpairTotals::NAMES.len()]>,
}

impl DatagramCounters {
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    pub(crate) fn read(&self) -> DatagramTotals {
        // What was answered was received before: in this order the sums hold as well as possible
        // while the worker runs.
        let answered = self.answered.get();
        let dropped = self.dropped.each_ref().map(Count::get);
        let received = self.received.get();
        let impaired = self.impaired.as_ref();
        DatagramTotals {
            received,
            answered,
            kernel_dropped: 0,
            batches: self.batches.read(received),
            runs: self.runs.read(received),
            datagrams: self.datagrams.read(self.received_bytes.get()),
            impaired: impaired
                .map(|counts| ImpairTotals::from_counts(counts.each_ref().map(Count::get))),
            dropped,
        }
    }
}

/// The write access to a worker's counters. It cannot be copied, so they have one writer.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counters: Arc<DatagramCounters>,
    /// The drops of the batch that are to be logged, by cause.
    unreported: [Unreported; DropCause::ALL.len()],
    has_unreported: bool,
    /// The same by peer, where they are listed.
    peers: Option<PeerTally>,
}

/// Drops of one cause: how many, and the index of the last run of them.
#[derive(Clone, Copy, Debug, Default)]
struct Unreported {
    datagrams: u64,
    last_run: usize,
}

impl Tally {
    /// `is_impaired` when there is a bad network.
    pub(crate) fn new(is_impaired: bool) -> Self {
        Self {
            counters: Arc::new(DatagramCounters {
                impaired: is_impaired.then(Default::default),
                ..DatagramCounters::default()
            }),
            ..Self::default()
        }
    }

    /// Counts for each peer too.
    pub(crate) fn with_peers(self, peers: Option<PeerTally>) -> Self {
        Self { peers, ..self }
    }

    /// The counters, for reading.
    pub(crate) fn counters(&self) -> Arc<DatagramCounters> {
        self.counters.clone()
    }

    /// Counts the datagrams and bytes that one receive call returned.
    pub(crate) fn count_batch(&mut self, datagrams: usize, bytes: usize) {
        self.counters.received.add(datagrams as u64);
        self.counters.received_bytes.add(bytes as u64);
        self.counters.batches.add(datagrams, 1);
    }

    /// Counts the sizes of one run of `datagrams`, which are in its batch.
    pub(crate) fn count_run(&mut self, datagrams: usize, segment_size: usize, bytes: usize) {
        self.counters.runs.add(datagrams, 1);
        let before = datagrams - 1;
        if before > 0 {
            self.counters.datagrams.add(segment_size, before as u64);
        }
        self.counters
            .datagrams
            .add(bytes - before * segment_size, 1);
    }

    pub(crate) fn count_answered(&mut self, datagrams: usize) {
        self.counters.answered.add(datagrams as u64);
    }

    /// Counts datagrams of the batch's run `run` that are not answered.
    pub(crate) fn count_drop(&mut self, cause: DropCause, datagrams: usize, run: usize) {
        self.counters.dropped[cause as usize].add(datagrams as u64);
        if cause.is_reported() {
            let unreported = &mut self.unreported[cause as usize];
            unreported.datagrams += datagrams as u64;
            unreported.last_run = run;
            self.has_unreported = true;
        }
        if let Some(peers) = &mut self.peers {
            peers.note_drop(cause, datagrams, run);
        }
    }

    /// Counts by peer what one receive call returned, once its drops are counted.
    pub(crate) fn count_peers(&mut self, runs: &[Run]) {
        if let Some(peers) = &mut self.peers {
            peers.count_batch(runs);
        }
    }

    /// Counts by peer the drops of answers to earlier batches; `runs` are what is answered.
    pub(crate) fn count_late_drops(&mut self, runs: &[Run]) {
        if let Some(peers) = &mut self.peers {
            peers.count_late_drops(runs);
        }
    }

    pub(crate) fn has_unreported_drops(&self) -> bool {
        self.has_unreported
    }

    /// The drops of the batch that are to be logged: the number of each cause, and its last run.
    pub(crate) fn take_unreported_drops(
        &mut self,
    ) -> impl Iterator<Item = (DropCause, u64, usize)> + use<> {
        self.has_unreported = false;
        let unreported = std::mem::take(&mut self.unreported);
        let by_cause = DropCause::ALL.into_iter().zip(unreported);
        by_cause
            .filter(|(_, drops)| drops.datagrams > 0)
            .map(|(cause, drops)| (cause, drops.datagrams, drops.last_run))
    }

    pub(crate) fn count_impaired(&mut self, more: ImpairTotals) {
        for (count, (_, more)) in self.counters.impaired.iter().flatten().zip(more.named()) {
            count.add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_with_the_short_last_datagram_of_a_run() {
        let mut tally = Tally::default();
        // Three of 100 bytes and one of 5; an empty one; one of 64.
        tally.count_run(4, 100, 305);
        tally.count_run(1, 0, 0);
        tally.count_run(1, 64, 64);
        tally.count_batch(6, 369);
        let totals = tally.counters().read();
        let counts = |histogram: &Histogram| {
            let bounds = histogram
                .cumulative(u64::MAX)
                .zip(std::iter::once((0, 0)).chain(histogram.cumulative(u64::MAX)));
            bounds
                .map(|((bound, count), (_, before))| (bound, count - before))
                .filter(|(_, count)| *count > 0)
                .collect::<Vec<_>>()
        };
        assert_eq!(totals.received, 6);
        assert_eq!(
            counts(&totals.datagrams),
            [(1, 1), (8, 1), (64, 1), (128, 3)]
        );
        assert_eq!(totals.datagrams.sum, 369);
        assert_eq!(counts(&totals.runs), [(1, 2), (4, 1)]);
        assert_eq!(totals.runs.sum, 6);
        assert_eq!(counts(&totals.batches), [(8, 1)]);
        assert_eq!(totals.batches.sum, 6);
    }

    #[test]
    fn workers_do_not_share_a_cache_line() {
        assert!(align_of::<DatagramCounters>() >= 128);
        assert!(size_of::<DatagramCounters>().is_multiple_of(128));
    }
}
