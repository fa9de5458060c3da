//! An outage, for the line at its end and for the summary.

use std::fmt;
use std::time::Instant;

use crate::report::units::seconds;
use bullhorn_client::ping::Outage;

/// `3.0 s to 5.0 s (2.0 s), 10 lost from seq=3`, or `since 3.0 s, ongoing (2.0 s so far)`; times
/// count from `start`.
pub(super) struct OutageText<'a> {
    pub(super) outage: &'a Outage,
    pub(super) start: Instant,
    pub(super) now: Instant,
}

impl fmt::Display for OutageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outage = self.outage;
        let after = |at: Instant| seconds(at.saturating_duration_since(self.start));
        let begin = after(outage.start);
        let length = seconds(outage.length(self.now));
        match outage.end {
            Some(end) => write!(f, "{begin} to {} ({length})", after(end))?,
            None => write!(f, "since {begin}, ongoing ({length} so far)")?,
        }
        write!(
            f,
            ", {} lost from seq={}{}",
            outage.lost,
            outage.first_number,
            OfFlow(outage.flow)
        )
    }
}

/// Empty for the first flow, which is usually the only one.
pub(super) struct OfFlow(pub(super) usize);

impl fmt::Display for OfFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            flow => write!(f, " of flow {}", flow + 1),
        }
    }
}
