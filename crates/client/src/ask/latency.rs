//! Durations in constant memory: exact count, extremes and mean, percentiles to three digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer durations count as this long in the percentiles.
const MAX_NS: u64 = 3600 * 1_000_000_000;

/// A histogram of durations in nanoseconds. It takes a quarter of a megabyte.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    min_ns: u64,
    max_ns: u64,
    sum_ns: u128,
}

impl Default for Latency {
    fn default() -> Self {
        // Three significant digits: a percentile is off by at most 1 in 1000.
        let Ok(histogram) = Histogram::new_with_bounds(1, MAX_NS, 3) else {
            unreachable!("the bounds are constants, and in order")
        };
        Self {
            histogram,
            min_ns: u64::MAX,
            max_ns: 0,
            sum_ns: 0,
        }
    }
}

impl Latency {
    pub(crate) fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.record_ns(ns, 1);
    }

    /// Records `amount` durations of `ns` each.
    pub(crate) fn record_ns(&mut self, ns: u64, amount: u64) {
        self.histogram.saturating_record_n(ns, amount);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
        self.sum_ns += u128::from(ns) * u128::from(amount);
    }

    /// Adds everything that `other` has recorded.
    pub(crate) fn merge(&mut self, other: &Self) {
        let merged = self.histogram.add(&other.histogram);
        debug_assert!(merged.is_ok(), "all histograms have the same bounds");
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.sum_ns += other.sum_ns;
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Whether none was recorded.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The shortest, exactly; `None` when there is none.
    pub fn min_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// The longest, exactly.
    pub fn max_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// The mean, exactly.
    pub fn mean_ns(&self) -> Option<u64> {
        let mean = self.sum_ns.checked_div(self.count().into())?;
        Some(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// `percentile` of 100 durations took at most this long. It is off by at most one in 1000, and
    /// never outside of the extremes. `None` with fewer than [`samples_for`](Self::samples_for)
    /// durations, which support no such percentile.
    ///
    /// ```
    /// # use bullhorn_client::bench::Latency;
    /// assert_eq!(Latency::default().percentile_ns(99.9), None);
    /// ```
    pub fn percentile_ns(&self, percentile: f64) -> Option<u64> {
        if self.count() < Self::samples_for(percentile) {
            return None;
        }
        let ns = self.histogram.value_at_percentile(percentile);
        Some(ns.clamp(self.min_ns()?, self.max_ns))
    }

    /// How many durations `percentile` needs: with fewer, none of them is above it. The 99th needs
    /// 100, the 99.9th 1000.
    pub fn samples_for(percentile: f64) -> u64 {
        // A little less, as 0.1 is not exact in binary.
        (100.0 / (100.0 - percentile) * (1.0 - 1e-9)).ceil() as u64
    }

    /// The distribution in a few numbers; `None` when nothing was recorded.
    pub fn summary(&self) -> Option<LatencySummary> {
        Some(LatencySummary {
            min_ns: self.min_ns()?,
            mean_ns: self.mean_ns()?,
            p50_ns: self.percentile_ns(50.0),
            p90_ns: self.percentile_ns(90.0),
            p99_ns: self.percentile_ns(99.0),
            p99_9_ns: self.percentile_ns(99.9),
            p99_99_ns: self.percentile_ns(99.99),
            max_ns: self.max_ns,
        })
    }

    /// The buckets that are not empty, in ascending order: a duration in nanoseconds (the upper end
    /// of its bucket) and how many were recorded.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let recorded = self.histogram.iter_recorded();
        recorded.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
    }
}

/// A distribution in a few numbers, in nanoseconds. A percentile is `None` when there were too few
/// durations for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub struct LatencySummary {
    pub min_ns: u64,
    pub mean_ns: u64,
    pub p50_ns: Option<u64>,
    pub p90_ns: Option<u64>,
    pub p99_ns: Option<u64>,
    pub p99_9_ns: Option<u64>,
    pub p99_99_ns: Option<u64>,
    pub max_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_histogram_has_no_summary_and_one_value_is_its_own() {
        let mut latency = Latency::default();
        assert_eq!((latency.summary(), latency.min_ns()), (None, None));
        latency.record(Duration::from_nanos(1_234_567));
        let summary = latency.summary().unwrap();
        let extremes = [summary.min_ns, summary.mean_ns, summary.max_ns];
        assert_eq!(extremes, [1_234_567; 3]);
    }

    #[test]
    fn a_percentile_needs_enough_durations_for_one_above_it() {
        for (percentile, needed) in [
            (50.0, 2),
            (90.0, 10),
            (99.0, 100),
            (99.9, 1000),
            (99.99, 10_000),
        ] {
            assert_eq!(Latency::samples_for(percentile), needed);
            let mut latency = Latency::default();
            latency.record_ns(1000, needed - 1);
            assert_eq!(latency.percentile_ns(percentile), None, "{percentile}");
            latency.record_ns(1000, 1);
            let ns = latency.percentile_ns(percentile);
            assert_eq!(ns, Some(1000), "{percentile}");
        }
    }

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut latency = Latency::default();
        for microseconds in 1..=10_000 {
            latency.record(Duration::from_micros(microseconds));
        }
        for (percentile, right) in [
            (50.0, 5_000_000),
            (90.0, 9_000_000),
            (99.0, 9_900_000),
            (99.9, 9_990_000),
        ] {
            let got = latency.percentile_ns(percentile).unwrap();
            assert!(got.abs_diff(right) <= right / 1000 + 1, "{got} {right}");
        }
        assert_eq!(latency.min_ns(), Some(1000));
        assert_eq!(latency.max_ns(), Some(10_000_000));
        assert_eq!(latency.mean_ns(), Some(5_000_500));
    }

    #[test]
    fn a_duration_beyond_the_bounds_keeps_its_length_as_an_extreme() {
        let mut latency = Latency::default();
        latency.record(Duration::MAX);
        assert_eq!(latency.max_ns(), Some(u64::MAX));
        assert_eq!(latency.mean_ns(), Some(u64::MAX));
        assert_eq!(latency.count(), 1);
    }

    proptest! {
        #[test]
        fn merged_histograms_are_as_if_recorded_in_one(
            durations in proptest::collection::vec((0..MAX_NS, 1u64..5, any::<bool>()), 0..50),
        ) {
            let mut parts = [Latency::default(), Latency::default()];
            let mut whole = Latency::default();
            for (ns, amount, first) in durations {
                parts[usize::from(first)].record_ns(ns, amount);
                for _ in 0..amount {
                    whole.record_ns(ns, 1);
                }
            }
            let [mut merged, other] = parts;
            merged.merge(&other);
            prop_assert_eq!(merged.summary(), whole.summary());
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert!(merged.buckets().eq(whole.buckets()));
            prop_assert_eq!(merged.buckets().map(|(_, count)| count).sum::<u64>(), whole.count());
        }
    }
}
