//! An outage in words, for the line of its end and for the summary.

use std::fmt;
use std::time::Instant;

use super::time::milliseconds;
use bullhorn_client::ping::Outage;

/// An outage, told from the begin given.
pub(super) struct OutageText<'a>(pub(super) &'a Outage, pub(super) Instant);

impl fmt::Display for OutageText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(outage, begin) = self;
        let after = |at: Instant| {
            humantime::format_duration(milliseconds(at.saturating_duration_since(*begin)))
        };
        write!(f, "from {}", after(outage.start))?;
        match (outage.end, outage.length()) {
            (Some(end), Some(length)) => write!(
                f,
                " to {}, {} long",
                after(end),
                humantime::format_duration(milliseconds(length))
            )?,
            _ => write!(f, " on, and lasts")?,
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

/// Nothing for the first flow, which mostly is the only one.
pub(super) struct OfFlow(pub(super) usize);

impl fmt::Display for OfFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            flow => write!(f, " of flow {}", flow + 1),
        }
    }
}
