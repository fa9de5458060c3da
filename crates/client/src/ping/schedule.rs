//! When each probe is due: at absolute times, so that a late one delays no other.

use std::time::{Duration, Instant};

/// The times of the probes: the first at `start`, each next an interval later.
#[derive(Clone, Debug)]
pub struct Schedule {
    next: Instant,
    interval: Duration,
    left: Option<u64>,
}

impl Schedule {
    /// `count` probes, or no end without.
    pub fn new(start: Instant, interval: Duration, count: Option<u64>) -> Self {
        Self {
            next: start,
            interval,
            left: count,
        }
    }

    /// When the next probe is to be sent; `None` after the last.
    pub fn next_due(&self) -> Option<Instant> {
        (self.left != Some(0)).then_some(self.next)
    }

    /// The intended time of the next probe if it is due at `now`, which counts it as taken.
    pub fn take_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next_due().filter(|due| *due <= now)?;
        self.next += self.interval;
        self.left = self.left.map(|left| left - 1);
        Some(due)
    }

    /// No more probes after those taken.
    pub fn end(&mut self) {
        self.left = Some(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_probe_delays_no_other() {
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
