//! What comes back for one probe.

use crate::ask::diagnosis::Problem;
use bullhorn_socket::{PathCause, PathError, PathOutcome, Reporter};

/// What came back for one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A report of a router, or of the target itself.
    Report(PathError),
    /// A connection, and no answer over it.
    NoAnswer,
    /// A wrong answer.
    WrongAnswer(Problem),
    /// The right answer.
    Answer,
}

impl Reply {
    /// Whether the path ends here: a higher TTL leads no further.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Report(_) if self.is_ours() => true,
            Self::Report(error) => {
                !self.is_time_exceeded() && error.outcome() != PathOutcome::TooBig
            }
            _ => true,
        }
    }

    /// Whether this machine reports it, which is no hop of the path.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Report(error) if error.reporter == Reporter::Ourselves)
    }

    /// Whether a router reports that the TTL was used up (RFC 792, RFC 4443).
    pub(super) fn is_time_exceeded(&self) -> bool {
        let Self::Report(error) = self else {
            return false;
        };
        matches!(
            error.cause,
            PathCause::Icmp { kind: 11, code: 0 } | PathCause::Icmp6 { kind: 3, code: 0 }
        )
    }

    /// How much it tells of the end of the path, compared with others.
    pub(super) fn strength(&self) -> u8 {
        match self {
            Self::Report(_) => 0,
            Self::NoAnswer => 1,
            Self::WrongAnswer(_) => 2,
            Self::Answer => 3,
        }
    }
}
