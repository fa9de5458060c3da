//! Interarrival jitter.

use std::time::Duration;

/// A moving mean of how much the transit times of consecutive packets differ, each difference with
/// a weight of 1/16 (RFC 3550, sections 6.4.1 and A.8). The transit time is the round trip, as
/// there is no clock at the other end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Jitter {
    estimate_ns: f64,
    differences: u64,
}

impl Jitter {
    /// Adds how much two consecutive round trips of one flow differ.
    pub(super) fn record(&mut self, difference: Duration) {
        self.estimate_ns += (difference.as_nanos() as f64 - self.estimate_ns) / 16.0;
        self.differences += 1;
    }

    /// The estimate in nanoseconds; `None` before there are two round trips.
    pub(super) fn estimate_ns(&self) -> Option<u64> {
        (self.differences > 0).then_some(self.estimate_ns.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
