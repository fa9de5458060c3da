//! Times as they are written: to the microsecond in milliseconds, or cut off at one for words.

use std::fmt;
use std::time::Duration;

use bullhorn_client::ping::latency::nanoseconds;

/// A time, with its unit.
pub(super) struct Milliseconds(pub(super) Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", shown_ns(nanoseconds(self.0)))
    }
}

/// Nanoseconds in milliseconds, to the microsecond.
pub(crate) fn shown_ns(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

/// The time, cut off at a millisecond.
pub(super) fn milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
