//! A line of the log that is said at most once in 30 seconds, so that nobody outside can fill a
//! disk.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(30);

/// When one kind of line was said last, and how often it was left unsaid since.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// `Some` when it is time to speak, with how often this came since the last time.
    pub(super) fn again(&mut self) -> Option<u64> {
        self.unsaid += 1;
        if self.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.unsaid))
    }
}
