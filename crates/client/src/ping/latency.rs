//! Round trips in constant memory: exact extremes, percentiles, jitter.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer ones are counted as this in the percentiles; the greatest is kept as it was.
const LONGEST_NS: u64 = 3600 * 1_000_000_000;

/// Durations: their number, extremes, mean and percentiles.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// `None` would need bounds that the crate refuses, and ours are constant.
    histogram: Option<Histogram<u64>>,
    count: u64,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            // Three significant digits: a percentile is off by at most 1 in 1000.
            histogram: Histogram::new_with_bounds(1, LONGEST_NS, 3).ok(),
            count: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            sum_ns: 0,
        }
    }
}

impl Distribution {
    /// Adds one.
    pub fn record(&mut self, duration: Duration) {
        let ns = nanoseconds(duration);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(ns);
        }
        self.count += 1;
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        self.sum_ns += u128::from(ns);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What there is to say of them; `None` when there are none.
    pub fn figures(&self) -> Option<Figures> {
        let histogram = self.histogram.as_ref().filter(|_| self.count > 0)?;
        let percentile_ns = |percentile: f64| {
            histogram
                .value_at_percentile(percentile)
                .clamp(self.min_ns, self.max_ns)
        };
        Some(Figures {
            min_ns: self.min_ns,
            mean_ns: u64::try_from(self.sum_ns / u128::from(self.count)).unwrap_or(u64::MAX),
            p50_ns: percentile_ns(50.0),
            p90_ns: percentile_ns(90.0),
            p99_ns: percentile_ns(99.0),
            p99_9_ns: percentile_ns(99.9),
            max_ns: self.max_ns,
        })
    }
}

/// A distribution in seven numbers, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is what its name says")]
pub struct Figures {
    pub min_ns: u64,
    pub mean_ns: u64,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub p99_9_ns: u64,
    pub max_ns: u64,
}

/// Interarrival jitter: a moving mean of how much the transit times of consecutive packets differ,
/// each difference with a weight of 1/16 (RFC 3550, sections 6.4.1 and A.8). The transit time is the
/// round trip, as there is no clock at the far end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    estimate_ns: f64,
    differences: u64,
}

impl Jitter {
    /// Adds how much two consecutive round trips of one flow differ.
    pub fn record(&mut self, difference: Duration) {
        self.estimate_ns += (difference.as_nanos() as f64 - self.estimate_ns) / 16.0;
        self.differences += 1;
    }

    /// The estimate in nanoseconds; `None` before there are two round trips.
    pub fn estimate_ns(&self) -> Option<u64> {
        (self.differences > 0).then_some(self.estimate_ns.round() as u64)
    }
}

/// A duration in whole nanoseconds; 584 years are the most.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_figures_and_one_has_itself() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.figures(), None);
        distribution.record(Duration::from_nanos(1_234_567));
        let figures = distribution.figures().unwrap();
        assert_eq!(
            (
                figures.min_ns,
                figures.p50_ns,
                figures.p99_9_ns,
                figures.max_ns
            ),
            (1_234_567, 1_234_567, 1_234_567, 1_234_567)
        );
    }

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut distribution = Distribution::default();
        for microseconds in 1..=10_000 {
            distribution.record(Duration::from_micros(microseconds));
        }
        let figures = distribution.figures().unwrap();
        for (got, right) in [
            (figures.p50_ns, 5_000_000),
            (figures.p90_ns, 9_000_000),
            (figures.p99_ns, 9_900_000),
            (figures.p99_9_ns, 9_990_000),
        ] {
            assert!(got.abs_diff(right) <= right / 1000 + 1, "{got} {right}");
        }
        assert_eq!((figures.min_ns, figures.max_ns), (1000, 10_000_000));
        assert_eq!(figures.mean_ns, 5_000_500);
    }

    #[test]
    fn jitter_follows_the_example_of_the_rfc() {
        let mut jitter = Jitter::default();
        assert_eq!(jitter.estimate_ns(), None);
        jitter.record(Duration::from_nanos(1600));
        assert_eq!(jitter.estimate_ns(), Some(100));
        jitter.record(Duration::from_nanos(1700));
        assert_eq!(jitter.estimate_ns(), Some(200));
        jitter.record(Duration::ZERO);
        assert_eq!(jitter.estimate_ns(), Some(188));
    }
}
