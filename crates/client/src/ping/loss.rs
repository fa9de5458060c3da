//! Why a probe has no answer.

/// Why a probe has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// No answer within the timeout.
    Timeout,
    /// The probe's own connection was not made within the timeout.
    NotConnected,
    /// Nothing is listening there: an ICMP port unreachable, or a connection refused.
    Refused,
    /// The connection ended before the answer.
    Closed,
    /// Too many probes were in flight to keep waiting for this one.
    Displaced,
    /// Our own kernel did not take it, for this reason.
    Unsent(String),
}

impl Loss {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NotConnected => "not_connected",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Displaced => "displaced",
            Self::Unsent(_) => "unsent",
        }
    }
}
