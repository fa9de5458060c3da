//! The figures of a result that thresholds are compared with.

use super::result::RunResult;

/// The percentiles of the latency that are reported, by name.
pub const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
];

/// The figures of a result; `None` where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// How many latencies there are.
    pub samples: u64,
    /// The latencies of [`PERCENTILES`] in nanoseconds; `None` with too few samples too.
    pub percentiles_ns: [Option<u64>; PERCENTILES.len()],
    /// The longest latency in nanoseconds.
    pub max_ns: Option<u64>,
    /// Right replies per second.
    pub rate: Option<f64>,
    /// Lost requests as a share of those sent, 0 to 1.
    pub loss: Option<f64>,
}

impl Figures {
    /// The figures of a run.
    pub fn of(result: &RunResult) -> Self {
        let latency = &result.record.latency;
        Self {
            samples: latency.count(),
            percentiles_ns: PERCENTILES.map(|(_, percentile)| latency.percentile_ns(percentile)),
            max_ns: latency.max_ns(),
            rate: Some(result.achieved_rate()),
            loss: result.loss(),
        }
    }
}
