//! What all ledgers of a worker share.

use super::record::Record;
use super::text::Texts;
use crate::ask::diagnosis::{Diagnosis, diagnose};

/// The most numbers compared per turn to find the request of a damaged header. Without this bound,
/// a server that sends only such replies would keep a worker from checking its clock.
const MAX_COMPARISONS_PER_TURN: u64 = 1 << 16;

pub(super) struct Books {
    pub(super) texts: Texts,
    pub(super) record: Record,
    /// Open requests, of all flows.
    pub(super) outstanding: u64,
    /// How many more numbers may be compared in this turn.
    comparisons: u64,
}

impl Books {
    pub(super) fn new(texts: Texts, record: Record) -> Self {
        Self {
            texts,
            record,
            outstanding: 0,
            comparisons: MAX_COMPARISONS_PER_TURN,
        }
    }

    /// A wrong reply came. The first one is kept to be shown.
    pub(super) fn note_wrong(&mut self, flow: u32, number: u64, reply: &[u8]) {
        if self.record.first_wrong.is_none() {
            let text = self.texts.requests(flow, number, 1).to_vec();
            let problem = diagnose(&text, self.texts.answers(flow, number, 1), reply);
            self.record.first_wrong = problem.map(|problem| Diagnosis::new(problem, reply));
        }
    }

    /// A worker receives from one flow per turn.
    pub(super) fn begin_turn(&mut self) {
        self.comparisons = MAX_COMPARISONS_PER_TURN;
    }

    /// Whether this turn has `amount` comparisons left, which are used up then.
    pub(super) fn may_compare(&mut self, amount: u64) -> bool {
        let left = self.comparisons.checked_sub(amount);
        self.comparisons = left.unwrap_or(self.comparisons);
        left.is_some()
    }
}
