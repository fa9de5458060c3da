//! The answer that a connection must deliver next, and how long it may take. It is compared as its
//! bytes arrive, so that a wrong one is neither waited for nor stored.

use std::time::{Duration, Instant};

use super::answer::Answer;
use crate::ask::comparison::{Comparison, Verdict};

/// A text and its answer together have one timeout, and one more for each of these many bytes. At
/// the default of one second, anything slower than 256 KiB/s counts as no answer.
const BYTES_PER_TIMEOUT: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Awaited {
    comparison: Comparison,
    /// Bytes of the text and the answer.
    length: usize,
    since: Instant,
}

impl Awaited {
    /// From now on the answer to `text` is the next one.
    pub(super) fn new(text: &[u8]) -> Self {
        let comparison = Comparison::with_line(text);
        Self {
            length: text.len() + comparison.expected().len(),
            comparison,
            since: Instant::now(),
        }
    }

    /// Compares the next bytes and returns how many of them belong to the right answer.
    pub(super) fn compare(&mut self, bytes: &[u8]) -> (usize, Verdict) {
        self.comparison.advance(bytes)
    }

    /// Whether any of it has arrived.
    pub(super) fn has_begun(&self) -> bool {
        self.comparison.has_begun()
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// The maximum time for the text and its answer, even at a steady pace.
    pub(super) fn time_limit(&self, timeout: Duration) -> Duration {
        let shares = u32::try_from(self.length / BYTES_PER_TIMEOUT).unwrap_or(u32::MAX);
        timeout.saturating_mul(shares.saturating_add(1))
    }

    /// The right answer.
    pub(super) fn into_right(self, round_trip: Duration) -> Answer {
        let mut bytes = self.comparison.into_matched();
        // Its line end.
        bytes.pop();
        Answer::right(bytes, round_trip)
    }

    /// The answer as it came: what matched, then `rest`.
    pub(super) fn into_answer(self, text: &[u8], rest: &[u8], round_trip: Duration) -> Answer {
        let mut bytes = self.comparison.into_matched();
        bytes.extend(rest);
        Answer::new(text, bytes, round_trip, 1)
    }
}
