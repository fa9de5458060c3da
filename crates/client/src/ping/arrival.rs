//! How an answer relates to its probe.

use std::time::Duration;

/// How an answer relates to its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// First and in time, first but late, or a duplicate.
    pub(super) kind: ArrivalKind,
    /// It is the first, and came after the answer to a later probe of the same flow.
    pub(super) reordered: bool,
    /// Since the probe was sent; `None` when the probe has left the ring.
    pub(super) round_trip: Option<Duration>,
}

/// Which of the answers to its probe it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ArrivalKind {
    InTime,
    Late,
    Duplicate,
}
