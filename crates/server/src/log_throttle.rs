//! Limits a repeated log line to one per [`REPORT_INTERVAL`], so that no peer can fill a disk.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The shortest time between two lines of one throttle.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// Counts the events of one kind and decides when to log them. Threads may share it.
#[derive(Debug)]
pub(crate) struct LogThrottle {
    created: Instant,
    unreported: AtomicU64,
    /// When the next line is due, in nanoseconds since `created`.
    due_ns: AtomicU64,
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self {
            created: Instant::now(),
            unreported: AtomicU64::default(),
            due_ns: AtomicU64::default(),
        }
    }
}

impl LogThrottle {
    /// Counts one event. `Some` when it should be logged.
    pub(crate) fn note(&self) -> Option<Repeats> {
        self.note_many(1, Instant::now())
    }

    /// Counts `events` at `now`. `Some` when they should be logged, with the number of events since
    /// the last line.
    pub(crate) fn note_many(&self, events: u64, now: Instant) -> Option<Repeats> {
        self.unreported.fetch_add(events, Ordering::Relaxed);
        let now_ns = now.saturating_duration_since(self.created).as_nanos() as u64;
        let due_ns = self.due_ns.load(Ordering::Relaxed);
        if now_ns < due_ns {
            return None;
        }
        let next_ns = now_ns + REPORT_INTERVAL.as_nanos() as u64;
        // Of several threads, one logs.
        self.due_ns
            .compare_exchange(due_ns, next_ns, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        Some(Repeats(self.unreported.swap(0, Ordering::Relaxed)))
    }
}

/// The number of events that one log line reports; displayed as ` (7 times)`, or nothing for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeats(u64);

impl Repeats {
    pub(crate) fn count(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Repeats {
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
    fn the_first_event_is_logged_at_once_and_the_others_in_one_line_later() {
        let throttle = LogThrottle::default();
        let note = |second| {
            let now = throttle.created + Duration::from_secs(second);
            throttle.note_many(2, now).map(Repeats::count)
        };
        assert_eq!(note(0), Some(2));
        for second in 1..30 {
            assert_eq!(note(second), None);
        }
        assert_eq!(note(30), Some(60));
        assert_eq!(note(31), None);
    }

    #[test]
    fn a_line_has_the_number_of_events_that_it_reports() {
        let throttle = LogThrottle::default();
        assert_eq!(throttle.note().unwrap().to_string(), "");
        assert!(throttle.note().is_none());
        let later = Instant::now() + REPORT_INTERVAL;
        let repeats = throttle.note_many(6, later).unwrap();
        assert_eq!(repeats.to_string(), " (7 times)");
    }
}
