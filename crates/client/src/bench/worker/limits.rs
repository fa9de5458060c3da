//! How far a worker goes.

use std::time::Duration;

/// Times are on the run's clock.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Limits {
    pub(in crate::bench) measure_from_ns: u64,
    pub(in crate::bench) send_until_ns: u64,
    /// The most measured requests of this worker.
    pub(in crate::bench) max_requests: u64,
    pub(in crate::bench) timeout_ns: u64,
    /// How long to busy-poll before sleeping.
    pub(in crate::bench) spin: Duration,
    /// The most texts sent at once.
    pub(in crate::bench) burst: u64,
}
