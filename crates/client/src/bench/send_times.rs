//! When each recent request of a flow was sent, and when it was due: a ring by its number.

use std::ops::Range;

use super::record::Record;

/// In place of the time of a settled request.
const SETTLED: u64 = 0;

pub(super) struct SendTimes {
    /// By number modulo the length, a power of two.
    sent_ns: Box<[u64]>,
    /// When each was due; empty without a schedule, where that is when it was sent.
    intended_ns: Box<[u64]>,
}

impl SendTimes {
    /// A ring of at least `capacity` slots. `has_schedule` keeps intended times apart.
    pub(super) fn new(capacity: usize, has_schedule: bool) -> Self {
        let capacity = capacity.next_power_of_two();
        Self {
            sent_ns: vec![SETTLED; capacity].into(),
            intended_ns: vec![0; if has_schedule { capacity } else { 0 }].into(),
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.sent_ns.len() as u64
    }

    fn slot(&self, number: u64) -> usize {
        number as usize & (self.sent_ns.len() - 1)
    }

    /// The slots of consecutive numbers, which may wrap around the end of the ring.
    fn slots(&self, first: u64, amount: u64) -> [Range<usize>; 2] {
        let begin = self.slot(first);
        let end = begin + amount as usize;
        let length = self.sent_ns.len();
        [begin..end.min(length), 0..end.saturating_sub(length)]
    }

    /// The requests from `first` on were sent at `now_ns`, which is not 0.
    pub(super) fn set(
        &mut self,
        first: u64,
        amount: u64,
        now_ns: u64,
        intended_ns: impl Iterator<Item = u64>,
    ) {
        for slots in self.slots(first, amount) {
            self.sent_ns[slots].fill(now_ns);
        }
        if !self.intended_ns.is_empty() {
            for (number, intended_ns) in (first..first + amount).zip(intended_ns) {
                self.intended_ns[self.slot(number)] = intended_ns;
            }
        }
    }

    pub(super) fn sent_ns(&self, number: u64) -> u64 {
        self.sent_ns[self.slot(number)]
    }

    pub(super) fn is_settled(&self, number: u64) -> bool {
        self.sent_ns(number) == SETTLED
    }

    pub(super) fn settle(&mut self, first: u64, amount: u64) {
        for slots in self.slots(first, amount) {
            self.sent_ns[slots].fill(SETTLED);
        }
    }

    /// Records the latencies of right replies that came at `now_ns`.
    pub(super) fn record(&self, first: u64, amount: u64, now_ns: u64, record: &mut Record) {
        record.note_ok(now_ns, amount);
        let by_send = match &mut record.service {
            Some(service) => service,
            None => &mut record.latency,
        };
        for slots in self.slots(first, amount) {
            // Requests sent together share their time, and are recorded together.
            for alike in self.sent_ns[slots].chunk_by(u64::eq) {
                by_send.record_ns(now_ns.saturating_sub(alike[0]), alike.len() as u64);
            }
        }
        if !self.intended_ns.is_empty() {
            for slots in self.slots(first, amount) {
                for intended_ns in &self.intended_ns[slots] {
                    let latency_ns = now_ns.saturating_sub(*intended_ns);
                    record.latency.record_ns(latency_ns, 1);
                }
            }
        }
    }
}
