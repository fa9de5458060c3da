//! An outage, for the line at its end and for the summary.

use std::fmt;
use std::time::Instant;

use crate::report::units::seconds;
use bullhorn_client::ping::Outage;

/// `3.0 s to 5.0 s (2.0 s), 10 lost from seq=3`; times count from the given start of the run.
pub(super) struct OutageText<'a>(pub(super) &'a Outage, pub(super) Instant);

impl fmt::Display for OutageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(outage, start) = self;
        let after = |at: Instant| seconds(at.saturating_duration_since(*start));
        let begin = after(outage.start);
        match (outage.end, outage.length()) {
            (Some(end), Some(length)) => {
                write!(f, "{begin} to {} ({})", after(end), seconds(length))?;
            }
            _ => write!(f, "since {begin}, ongoing")?,
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
