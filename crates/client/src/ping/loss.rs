//! Why a probe has no answer.

use bullhorn_socket::PathError;

/// Why a probe has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// No answer within the timeout.
    Timeout,
    /// The probe's own connection was not made within the timeout.
    NotConnected,
    /// The path, or the peer itself, reports why: refused, rejected, unreachable, too big.
    Path(PathError),
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
            Self::Path(error) => error.outcome().name(),
            Self::Closed => "closed",
            Self::Displaced => "displaced",
            Self::Unsent(_) => "unsent",
        }
    }
}
