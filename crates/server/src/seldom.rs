//! A line of the log that is said at most once in 30 seconds, so that nobody outside can fill a
//! disk.

use std::fmt;
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
    pub(super) fn again(&mut self) -> Option<Times> {
        self.again_at(Instant::now())
    }

    /// [`again`](Self::again) for who has looked at the clock.
    pub(super) fn again_at(&mut self, now: Instant) -> Option<Times> {
        self.unsaid += 1;
        let since = |last| now.saturating_duration_since(last);
        if self.last.is_some_and(|last| since(last) < INTERVAL) {
            return None;
        }
        self.last = Some(now);
        Some(Times(std::mem::take(&mut self.unsaid)))
    }
}

/// The end of such a line: ` (7 times)`, or nothing for once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Times(u64);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => Ok(()),
            times => write!(f, " ({times} times)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_often_is_said_once_and_counted() {
        let mut seldom = Seldom::default();
        assert_eq!(seldom.again().unwrap().to_string(), "");
        for _ in 0..6 {
            assert!(seldom.again().is_none());
        }
        seldom.last = seldom.last.and_then(|last| last.checked_sub(INTERVAL));
        assert_eq!(seldom.again().unwrap().to_string(), " (7 times)");
    }
}
