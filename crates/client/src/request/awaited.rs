//! The answer that a connection owes next, compared as its bytes come: neither is a wrong one
//! waited for, nor kept.

use std::time::{Duration, Instant};

use super::Answer;

/// A text and its answer together have one timeout, and one more for each so many of their bytes:
/// at the default of one second, what is slower than 256 KiB/s is as good as no answer.
const BYTES_PER_TIMEOUT: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Awaited {
    /// The right answer and the line end behind it.
    expected: Vec<u8>,
    /// How many bytes of it have come.
    matched: usize,
    /// Of the text and the answer.
    length: usize,
    since: Instant,
}

/// What the bytes that came make of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// All are right so far.
    Incomplete,
    /// It is there, and right.
    Right,
    /// It is wrong, and ends after so many of the bytes; `None` when its end has not come.
    Wrong(Option<usize>),
}

impl Awaited {
    /// From now on the answer to `text` is the next one.
    pub(super) fn new(text: &[u8]) -> Self {
        let mut expected = Vec::with_capacity(text.len() + 1);
        capitals::append(text, &mut expected);
        expected.push(b'\n');
        Self {
            matched: 0,
            length: text.len() + expected.len(),
            expected,
            since: Instant::now(),
        }
    }

    /// Compares the next bytes and returns how many of them were as expected; what is behind a
    /// right answer is not looked at.
    pub(super) fn compare(&mut self, bytes: &[u8]) -> (usize, Comparison) {
        let wanted = &self.expected[self.matched..];
        let length = wanted.len().min(bytes.len());
        if bytes[..length] != wanted[..length] {
            return (0, Comparison::Wrong(self.end_of_wrong(bytes)));
        }
        self.matched += length;
        let comparison = if self.matched == self.expected.len() {
            Comparison::Right
        } else {
            Comparison::Incomplete
        };
        (length, comparison)
    }

    /// An answer has as many line ends as the expected one, right or wrong.
    fn end_of_wrong(&self, bytes: &[u8]) -> Option<usize> {
        let line_ends = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let missing = line_ends(&self.expected[self.matched..]);
        let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.nth(missing.checked_sub(1)?).map(|(index, _)| index)
    }

    /// Whether nothing of it has come.
    pub(super) fn is_untouched(&self) -> bool {
        self.matched == 0
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// The most time that the text and its answer may take, however steadily they go.
    pub(super) fn time_limit(&self, timeout: Duration) -> Duration {
        let shares = u32::try_from(self.length / BYTES_PER_TIMEOUT).unwrap_or(u32::MAX);
        timeout.saturating_mul(shares.saturating_add(1))
    }

    /// The right answer.
    pub(super) fn into_right(mut self, round_trip: Duration) -> Answer {
        self.expected.pop();
        Answer::right(self.expected, round_trip)
    }

    /// The answer as it came: what matched, and `rest` behind it.
    pub(super) fn into_answer(mut self, text: &[u8], rest: &[u8], round_trip: Duration) -> Answer {
        self.expected.truncate(self.matched);
        self.expected.extend(rest);
        Answer::new(text, self.expected, round_trip, 1)
    }
}
