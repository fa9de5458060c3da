//! How an endpoint behaves.

use std::fmt;
use std::str::FromStr;

use crate::ask::counts::Counts;

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// It answers, and in capitals.
    Answer,
    /// It answers, but not in capitals.
    WrongAnswer,
    /// The target itself refuses.
    Refused,
    /// A firewall or router rejects what is sent to it.
    Rejected,
    /// There is no route, host or neighbour.
    Unreachable,
    /// No answer and no report.
    Silence,
    /// Nothing could be sent: our own kernel or firewall did not let any probe out.
    Unsent,
}

impl Behaviour {
    /// The behaviours that can be expected.
    pub const EXPECTED: [Self; 5] = [
        Self::Answer,
        Self::Refused,
        Self::Rejected,
        Self::Unreachable,
        Self::Silence,
    ];

    /// The word for it, as typed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::WrongAnswer => "wrong answer",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::Silence => "silence",
            Self::Unsent => "unsent",
        }
    }

    /// The behaviour that the replies and reports so far show; `None` while there are none.
    pub(super) fn of(counts: &Counts) -> Option<Self> {
        if counts.wrong > 0 {
            Some(Self::WrongAnswer)
        } else if counts.ok + counts.late > 0 {
            Some(Self::Answer)
        } else if counts.refused > 0 {
            Some(Self::Refused)
        } else if counts.rejected > 0 {
            Some(Self::Rejected)
        } else if counts.unreachable > 0 {
            Some(Self::Unreachable)
        } else {
            None
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Behaviour {
    type Err = ParseBehaviourError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::EXPECTED
            .into_iter()
            .find(|behaviour| behaviour.name() == text)
            .ok_or(ParseBehaviourError)
    }
}

/// A word that is not one of [`Behaviour::EXPECTED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of answer, refused, rejected, unreachable and silence")]
#[non_exhaustive]
pub struct ParseBehaviourError;
