//! When each probe is due: at absolute times, so that a late probe does not delay the others.

use std::time::{Duration, Instant};

/// The times of the probes: the first at `start`, each of the others an interval after the one
/// before.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    next: Instant,
    interval: Duration,
    remaining: Option<u64>,
}

impl Schedule {
    /// `count` probes; without it there is no end.
    pub(super) fn new(start: Instant, interval: Duration, count: Option<u64>) -> Self {
        Self {
            next: start,
            interval,
            remaining: count,
        }
    }

    /// When the next probe is due; `None` after the last.
    pub(super) fn next_due(&self) -> Option<Instant> {
        (self.remaining != Some(0)).then_some(self.next)
    }

    /// The intended time of the next probe if it is due at `now`, which counts it as taken.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next_due().filter(|due| *due <= now)?;
        self.next += self.interval;
        self.remaining = self.remaining.map(|remaining| remaining - 1);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_probe_does_not_delay_the_others() {
        let start = Instant::now();
        let interval = Duration::from_millis(10);
        let mut schedule = Schedule::new(start, interval, Some(3));
        assert_eq!(schedule.take_due(start + interval / 2), Some(start));
        assert_eq!(schedule.take_due(start + interval / 2), None);
        assert_eq!(
            schedule.take_due(start + interval * 3 / 2),
            Some(start + interval)
        );
        assert_eq!(schedule.next_due(), Some(start + interval * 2));
        assert_eq!(
            schedule.take_due(start + interval * 9),
            Some(start + interval * 2)
        );
        assert_eq!(schedule.next_due(), None);
        assert_eq!(schedule.take_due(start + interval * 99), None);
    }
}
