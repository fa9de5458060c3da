//! Gaps: times in which no probe of a flow was answered.

use std::time::{Duration, Instant};

/// So many probes of a flow lost one after the other are an outage, and no longer chance.
pub const LEAST_LOST: u64 = 3;

/// The most outages that are kept; later ones are only counted.
pub const MOST_LISTED: usize = 1000;

/// A gap in the answers of one flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Which flow, counted from 0.
    pub flow: usize,
    /// The first probe that was lost.
    pub first_number: u64,
    /// When that one was sent.
    pub start: Instant,
    /// When the first probe was sent that was answered again; `None` while the outage lasts.
    pub end: Option<Instant>,
    /// Probes lost in it.
    pub lost: u64,
}

impl Outage {
    /// From its start to its end.
    pub fn length(&self) -> Option<Duration> {
        self.end
            .map(|end| end.saturating_duration_since(self.start))
    }
}

/// What the fate of one more probe says of the outages of its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many are lost now that it is an outage.
    Began(Outage),
    /// A probe was answered again.
    Ended(Outage),
}

/// Follows one flow, probe by probe in their order.
pub struct OutageTracker {
    flow: usize,
    current: Option<Outage>,
}

impl OutageTracker {
    /// Of a flow of which nothing is known yet.
    pub fn new(flow: usize) -> Self {
        Self {
            flow,
            current: None,
        }
    }

    /// The next probe of the flow is settled.
    pub fn settle(&mut self, number: u64, sent: Instant, answered: bool) -> Option<Change> {
        if answered {
            let outage = Outage {
                end: Some(sent),
                ..self.current.take()?
            };
            return (outage.lost >= LEAST_LOST).then_some(Change::Ended(outage));
        }
        let outage = self.current.get_or_insert(Outage {
            flow: self.flow,
            first_number: number,
            start: sent,
            end: None,
            lost: 0,
        });
        outage.lost += 1;
        (outage.lost == LEAST_LOST).then_some(Change::Began(*outage))
    }

    /// The outage that lasts, as far as is known.
    pub fn lasting(&self) -> Option<&Outage> {
        self.current
            .as_ref()
            .filter(|outage| outage.lost >= LEAST_LOST)
    }
}

/// All outages of a run, in constant memory.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    /// The first [`MOST_LISTED`] that ended, in the order of their ends, then those that last.
    pub listed: Vec<Outage>,
    /// How many there were.
    pub number: u64,
    /// The longest of those that ended.
    pub longest: Duration,
    /// All lengths together, of those that ended.
    pub total: Duration,
}

impl Outages {
    /// Enters an outage that ended, or one that lasts at the end of the run.
    pub fn enter(&mut self, outage: Outage) {
        self.number += 1;
        if let Some(length) = outage.length() {
            self.longest = self.longest.max(length);
            self.total += length;
        }
        if self.listed.len() < MOST_LISTED {
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
        assert_eq!(tracker.lasting(), None);
        let began = tracker.settle(7, at(7), false);
        assert!(matches!(began, Some(Change::Began(outage)) if outage.first_number == 5));
        assert_eq!(tracker.settle(8, at(8), false), None);
        let Some(Change::Ended(outage)) = tracker.settle(9, at(9), true) else {
            panic!("it has ended");
        };
        assert_eq!(outage.lost, 4);
        assert_eq!(outage.length(), Some(Duration::from_secs(4)));
        assert_eq!(tracker.lasting(), None);
    }

    #[test]
    fn the_ledger_counts_more_than_it_lists() {
        let now = Instant::now();
        let mut outages = Outages::default();
        for _ in 0..MOST_LISTED + 5 {
            outages.enter(Outage {
                flow: 0,
                first_number: 1,
                start: now,
                end: Some(now + Duration::from_secs(1)),
                lost: 3,
            });
        }
        assert_eq!(outages.number, MOST_LISTED as u64 + 5);
        assert_eq!(outages.listed.len(), MOST_LISTED);
        assert_eq!(outages.total, Duration::from_secs(MOST_LISTED as u64 + 5));
    }
}
