//! How a trace ended.

use std::fmt;

use crate::ask::diagnosis::Problem;
use bullhorn_socket::{PathError, PathOutcome};

/// What is known of the end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The right answer came back.
    Answered,
    /// A wrong answer came back.
    WrongAnswer(Problem),
    /// The connection was made, and no answer came over it.
    NoAnswer,
    /// The target, or something on the way, reported an error.
    Reported(PathError),
    /// Nothing came back from beyond the last hop that replied.
    Silence,
}

impl Outcome {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::WrongAnswer(_) => "wrong_answer",
            Self::NoAnswer => "no_answer",
            Self::Reported(error) => error.outcome().name(),
            Self::Silence => "silence",
        }
    }

    /// What the path reported, if it did.
    pub fn path_outcome(&self) -> Option<PathOutcome> {
        match self {
            Self::Reported(error) => Some(error.outcome()),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("answered: the path and the service work"),
            Self::WrongAnswer(problem) => write!(f, "wrong answer: {problem}"),
            Self::NoAnswer => f.write_str(
                "connected, but no answer: the path works, and the service does not answer",
            ),
            Self::Reported(error) if error.outcome() == PathOutcome::Refused => {
                write!(f, "{error}; the path works")
            }
            Self::Reported(error) => write!(f, "{error}"),
            Self::Silence => {
                f.write_str("silence: the target, or something before it, drops the probes")
            }
        }
    }
}
