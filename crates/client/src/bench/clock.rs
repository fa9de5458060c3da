//! The clock of a run.

use std::time::Instant;

/// Nanoseconds since the run began, and never 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(super) fn now_ns(self) -> u64 {
        self.start.elapsed().as_nanos() as u64 + 1
    }
}
