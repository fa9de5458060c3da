//! One line for each cause in half a minute, however much is dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::stats::DropCause;

/// The time from one line of a cause to its next.
pub const INTERVAL: Duration = Duration::from_secs(30);

/// What has not been said yet, by cause.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    causes: [Unsaid; DropCause::ALL.len()],
}

#[derive(Debug, Default)]
struct Unsaid {
    count: AtomicU64,
    /// When the next line may be written, in nanoseconds.
    next: AtomicU64,
}

impl Warnings {
    /// Adds `count` drops; gives how many there were since the last line when the next one is due.
    pub(super) fn note(&self, cause: DropCause, count: u64, now_ns: u64) -> Option<u64> {
        let unsaid = &self.causes[cause as usize];
        unsaid.count.fetch_add(count, Ordering::Relaxed);
        let due = unsaid.next.load(Ordering::Relaxed);
        if now_ns < due {
            return None;
        }
        let next = now_ns + INTERVAL.as_nanos() as u64;
        // One of several threads says it.
        unsaid
            .next
            .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(unsaid.count.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_drop_is_said_at_once_and_the_others_in_one_line_later() {
        const SECOND: u64 = 1_000_000_000;
        let warnings = Warnings::default();
        let note = |cause, second: u64| warnings.note(cause, 2, second * SECOND);
        assert_eq!(note(DropCause::RateLimited, 0), Some(2));
        for second in 1..30 {
            assert_eq!(note(DropCause::RateLimited, second), None);
        }
        assert_eq!(note(DropCause::SourceDenied, 29), Some(2));
        assert_eq!(note(DropCause::RateLimited, 30), Some(60));
        assert_eq!(note(DropCause::RateLimited, 31), None);
    }
}
