//! Outages: periods in which no probe of a flow is answered.

use std::time::{Duration, Instant};

/// Consecutive lost probes of a flow that make an outage; fewer are chance.
pub(super) const MIN_LOST: u64 = 3;

/// The maximum number of outages that are listed; later ones are only counted.
pub(super) const MAX_LISTED: usize = 1000;

/// An outage of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outage {
    /// Which flow, counted from 0.
    pub flow: usize,
    /// The first probe that was lost.
    pub first_number: u64,
    /// When that probe was sent.
    pub start: Instant,
    /// When the first probe that was answered again was sent; `None` while the outage lasts.
    pub end: Option<Instant>,
    /// The number of probes lost in it.
    pub lost: u64,
}

impl Outage {
    /// From its start to its end, or to `now` while it lasts.
    pub fn length(&self, now: Instant) -> Duration {
        let end = self.end.unwrap_or(now);
        end.saturating_duration_since(self.start)
    }
}

/// The effect of one more settled probe on the outages of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Enough probes are lost to make an outage.
    Began(Outage),
    /// A probe was answered again.
    Ended(Outage),
}

/// Follows one flow, probe by probe in their order.
pub(super) struct OutageTracker {
    flow: usize,
    current: Option<Outage>,
}

impl OutageTracker {
    /// For a flow without probes so far.
    pub(super) fn new(flow: usize) -> Self {
        Self {
            flow,
            current: None,
        }
    }

    /// The next probe of the flow is settled.
    pub(super) fn settle(&mut self, number: u64, sent: Instant, answered: bool) -> Option<Change> {
        if answered {
            let outage = Outage {
                end: Some(sent),
                ..self.current.take()?
            };
            return (outage.lost >= MIN_LOST).then_some(Change::Ended(outage));
        }
        let outage = self.current.get_or_insert(Outage {
            flow: self.flow,
            first_number: number,
            start: sent,
            end: None,
            lost: 0,
        });
        outage.lost += 1;
        (outage.lost == MIN_LOST).then_some(Change::Began(*outage))
    }

    /// The ongoing outage.
    pub(super) fn current(&self) -> Option<&Outage> {
        self.current
            .as_ref()
            .filter(|outage| outage.lost >= MIN_LOST)
    }
}

/// All outages of a run, in constant memory.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outages {
    /// The first 1000 that ended, in the order of their ends, then those that are ongoing.
    pub listed: Vec<Outage>,
    /// The number of outages.
    pub number: u64,
    /// The longest, with those that last as long as they are so far.
    pub longest: Duration,
    /// The sum of the lengths, likewise.
    pub total: Duration,
}

impl Outages {
    /// Adds an outage that ended, or one that is ongoing at `now`.
    pub(super) fn add(&mut self, outage: Outage, now: Instant) {
        let length = outage.length(now);
        self.number += 1;
        self.longest = self.longest.max(length);
        self.total += length;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(outage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_are_an_outage_and_two_are_chance() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut tracker = OutageTracker::new(0);
        for (number, answered) in [(1, true), (2, false), (3, false), (4, true)] {
            assert_eq!(tracker.settle(number, at(number), answered), None);
        }
        assert_eq!(tracker.settle(5, at(5), false), None);
        assert_eq!(tracker.settle(6, at(6), false), None);
        assert_eq!(tracker.current(), None);
        let began = tracker.settle(7, at(7), false);
        assert!(matches!(began, Some(Change::Began(outage)) if outage.first_number == 5));
        assert_eq!(tracker.settle(8, at(8), false), None);
        let Some(Change::Ended(outage)) = tracker.settle(9, at(9), true) else {
            panic!("it has ended");
        };
        assert_eq!(outage.lost, 4);
        assert_eq!(outage.length(at(99)), Duration::from_secs(4));
        assert_eq!(tracker.current(), None);
    }

    #[test]
    fn more_outages_are_counted_than_listed() {
        let now = Instant::now();
        let mut outages = Outages::default();
        for _ in 0..MAX_LISTED + 5 {
            let ended = Outage {
                flow: 0,
                first_number: 1,
                start: now,
                end: Some(now + Duration::from_secs(1)),
                lost: 3,
            };
            outages.add(ended, now);
        }
        assert_eq!(outages.number, MAX_LISTED as u64 + 5);
        assert_eq!(outages.listed.len(), MAX_LISTED);
        assert_eq!(outages.total, Duration::from_secs(MAX_LISTED as u64 + 5));
    }

    #[test]
    fn an_outage_that_lasts_is_as_long_as_it_is_so_far() {
        let start = Instant::now();
        let mut outages = Outages::default();
        let lasting = Outage {
            flow: 0,
            first_number: 1,
            start,
            end: None,
            lost: 3,
        };
        outages.add(lasting, start + Duration::from_secs(7));
        let seven = Duration::from_secs(7);
        assert_eq!((outages.longest, outages.total), (seven, seven));
    }
}
