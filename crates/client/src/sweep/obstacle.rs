//! Why a message of some size does not pass.

use std::fmt;

use crate::ask::diagnosis::Diagnosis;
use bullhorn_socket::{PathError, PathOutcome, Reporter};

/// Why a message of some size does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// This machine does not send such a large packet.
    LocalMtu {
        /// The MTU of the interface or route in bytes, where the kernel names it.
        mtu: Option<u32>,
    },
    /// A router reports that it is too big for the next link.
    TooBig(PathError),
    /// No answer, and no report.
    Silence,
    /// A wrong answer.
    WrongAnswer(Diagnosis),
    /// The target, a firewall or a router reports something else.
    Reported(PathError),
    /// The peer closed the connection.
    Closed,
}

impl Obstacle {
    /// From a report of the path.
    pub(super) fn from_report(error: PathError) -> Self {
        match (error.outcome(), error.reporter) {
            (PathOutcome::TooBig, Reporter::Ourselves) => Self::LocalMtu { mtu: error.mtu },
            (PathOutcome::TooBig, _) => Self::TooBig(error),
            _ => Self::Reported(error),
        }
    }

    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LocalMtu { .. } => "local_mtu",
            Self::TooBig(_) => "too_big",
            Self::Silence => "silence",
            Self::WrongAnswer(_) => "wrong_answer",
            Self::Reported(error) => error.outcome().name(),
            Self::Closed => "closed",
        }
    }

    /// What the path reported, if it did.
    pub fn path_error(&self) -> Option<&PathError> {
        match self {
            Self::TooBig(error) | Self::Reported(error) => Some(error),
            _ => None,
        }
    }

    /// The MTU that is reported with it, in bytes.
    pub(super) fn mtu(&self) -> Option<u32> {
        match self {
            Self::LocalMtu { mtu } => *mtu,
            Self::TooBig(error) => error.mtu,
            _ => None,
        }
    }
}

/// As in `too big for the path: its MTU is 1400 bytes, reported by 10.77.0.1 (ICMP 3/4,
/// fragmentation needed)`.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalMtu { mtu: Some(mtu) } => write!(f, "above the local MTU of {mtu} bytes"),
            Self::LocalMtu { mtu: None } => f.write_str("above the local MTU"),
            Self::TooBig(error) | Self::Reported(error) => write!(f, "{error}"),
            Self::Silence => f.write_str("no answer in time"),
            Self::WrongAnswer(diagnosis) => write!(f, "wrong answer: {diagnosis}"),
            Self::Closed => f.write_str("the connection was closed before the answer"),
        }
    }
}
