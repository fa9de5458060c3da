//! When each probe is due: at absolute times, so that a late probe does not delay the others.
//!
//! A prober that was stopped for seconds (Ctrl-Z, a debugger) must not send everything that was due
//! meanwhile at once: a rate limit would drop it, and the loss would be the prober's own.

use std::time::{Duration, Instant};

/// Probes that are later than this, and later than their interval, are skipped. Shorter delays are
/// those of a busy machine, and made up for: a rate limit mostly grants a second's worth at once.
const MAX_DELAY: Duration = Duration::from_millis(500);

/// The times of the probes: the first at `start`, each of the others an interval after the one
/// before.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    next: Instant,
    interval: Duration,
    remaining: Option<u64>,
    skipped: u64,
}

/// Probes whose time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) probes: u64,
    /// Since the first of them was due.
    pub(super) delay: Duration,
}

impl Schedule {
    /// `count` probes; without it there is no end.
    pub(super) fn new(start: Instant, interval: Duration, count: Option<u64>) -> Self {
        Self {
            next: start,
            interval,
            remaining: count,
            skipped: 0,
        }
    }

    /// How many probes were skipped. They do not count towards the number of probes.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Skips the probes that are far too late at `now`, all but the last that is due.
    pub(super) fn skip_missed(&mut self, now: Instant) -> Option<Skipped> {
        let delay = now.saturating_duration_since(self.next_due()?);
        if delay <= MAX_DELAY.max(self.interval) {
            return None;
        }
        let (delay_ns, interval_ns) = (delay.as_nanos(), self.interval.as_nanos());
        let probes = u64::try_from(delay_ns / interval_ns).unwrap_or(u64::MAX);
        let rest_ns = u64::try_from(delay_ns % interval_ns).unwrap_or(u64::MAX);
        self.next = now - Duration::from_nanos(rest_ns);
        self.skipped += probes;
        Some(Skipped { probes, delay })
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
        assert_eq!(schedule.skip_missed(start + interval * 99), None);
    }

    #[test]
    fn what_was_due_during_a_stop_is_skipped_and_does_not_count() {
        let start = Instant::now();
        let interval = Duration::from_millis(2);
        let mut schedule = Schedule::new(start, interval, Some(2));
        let stopped = Duration::from_secs(6) + interval / 2;
        let skipped = schedule.skip_missed(start + stopped).unwrap();
        assert_eq!((skipped.probes, skipped.delay), (3000, stopped));
        assert_eq!(schedule.skip_missed(start + stopped), None);
        let due = start + interval * 3000;
        assert_eq!(schedule.take_due(start + stopped), Some(due));
        assert_eq!(schedule.next_due(), Some(due + interval));
        assert_eq!(schedule.skipped(), 3000);
    }

    #[test]
    fn a_short_delay_is_made_up_for() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Duration::from_millis(2), None);
        assert_eq!(schedule.skip_missed(start + MAX_DELAY), None);
        let mut schedule = Schedule::new(start, Duration::from_secs(1), None);
        assert_eq!(schedule.skip_missed(start + Duration::from_secs(1)), None);
        let skipped = schedule.skip_missed(start + Duration::from_millis(2500));
        assert_eq!(skipped.unwrap().probes, 2);
    }
}
