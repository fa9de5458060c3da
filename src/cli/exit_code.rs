//! The exit codes: one list for all verbs, from which the help's table is made, and the mapping of
//! errors and results to codes.

use std::fmt;

use bullhorn_client::ping::{Behaviour, Summary};
use bullhorn_client::sweep::{self, Obstacle};
use bullhorn_client::trace::{self, Trace};
use bullhorn_socket::PathOutcome;
use bullhorn_socket::error::Error;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    Success,
    Partial,
    Usage,
    WrongAnswer,
    Refused,
    NoAnswer,
    NotResolved,
    Local,
    /// A second signal ended it at once: 128 + the number of the signal, as in a shell.
    Signal(u8),
}

impl ExitCode {
    /// Those in the help.
    pub(crate) const ALL: [Self; 8] = [
        Self::Success,
        Self::Partial,
        Self::Usage,
        Self::WrongAnswer,
        Self::Refused,
        Self::NoAnswer,
        Self::NotResolved,
        Self::Local,
    ];

    /// As a process returns it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Partial => 1,
            Self::Usage => 2,
            Self::WrongAnswer => 3,
            Self::Refused => 4,
            Self::NoAnswer => 5,
            Self::NotResolved => 6,
            Self::Local => 7,
            Self::Signal(number) => 128 + number,
        }
    }

    /// The table of all codes for the help.
    pub(crate) fn table() -> String {
        let line = |code: Self| format!("\n  {}  {code}", code.code());
        let lines: String = Self::ALL.into_iter().map(line).collect();
        format!("Exit codes:{lines}")
    }

    /// The code of a probing run, which may have an expectation (`--expect`).
    pub(super) fn of_ping(summary: &Summary, expected: Option<Behaviour>) -> Self {
        let counts = &summary.counts;
        match (expected, summary.behaviour()) {
            (Some(expected), _) if summary.is_as_expected(expected) => Self::Success,
            (_, Behaviour::WrongAnswer) => Self::WrongAnswer,
            (Some(_), Behaviour::Answer) => Self::Partial,
            (None, Behaviour::Answer) if counts.lost > 0 => Self::Partial,
            (None, Behaviour::Answer) => Self::Success,
            (_, Behaviour::Refused | Behaviour::Rejected | Behaviour::Unreachable) => Self::Refused,
            (_, Behaviour::Unsent) => Self::Local,
            _ => Self::NoAnswer,
        }
    }

    /// The code of a trace.
    pub(super) fn of_trace(trace: &Trace) -> Self {
        match trace.outcome {
            trace::Outcome::Answered if trace.answered < trace.rounds => Self::Partial,
            trace::Outcome::Answered => Self::Success,
            trace::Outcome::WrongAnswer(_) => Self::WrongAnswer,
            trace::Outcome::Reported(error) if error.outcome() == PathOutcome::Unsent => {
                Self::Local
            }
            trace::Outcome::Reported(_) => Self::Refused,
            _ => Self::NoAnswer,
        }
    }

    /// The code of a sweep: success if any size passed.
    pub(super) fn of_sweep(summary: &sweep::Summary) -> Self {
        let mut obstacles = summary.limits().filter_map(|limit| limit.obstacle.as_ref());
        if obstacles.any(|it| matches!(it, Obstacle::WrongAnswer(_))) {
            return Self::WrongAnswer;
        }
        if summary.has_passed() {
            return Self::Success;
        }
        let last = summary.limits().last();
        match last.and_then(|limit| limit.obstacle.as_ref()) {
            Some(Obstacle::Reported(error)) if error.outcome() != PathOutcome::Unsent => {
                Self::Refused
            }
            Some(Obstacle::Reported(_) | Obstacle::LocalMtu { .. }) => Self::Local,
            _ => Self::NoAnswer,
        }
    }
}

impl fmt::Display for ExitCode {
    /// What it means, as in the help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Partial => "a threshold or part of the work failed (partial loss)",
            Self::Usage => "usage error",
            Self::WrongAnswer => "a wrong answer",
            Self::Refused => "refused, rejected or unreachable",
            Self::NoAnswer => "no answer at all",
            Self::NotResolved => "name not resolved",
            Self::Local => "local error (bind, permission, file)",
            Self::Signal(_) => "ended by a second signal",
        })
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::Endpoint(_)
            | Error::InvalidSettings { .. }
            | Error::InvalidListenFds(_)
            | Error::UnsuitableEndpoint { .. }
            | Error::OtherFamily { .. }
            | Error::NoSourceFamily { .. }
            | Error::NothingToServe
            | Error::NothingToImpair
            | Error::TooLong { .. } => Self::Usage,
            Error::WrongAnswer { .. } => Self::WrongAnswer,
            Error::Path { error, .. } => match error.outcome() {
                PathOutcome::Unsent => Self::Local,
                PathOutcome::TooBig => Self::NoAnswer,
                _ => Self::Refused,
            },
            Error::NoAnswer { .. } | Error::Closed { .. } | Error::Stopped { .. } => Self::NoAnswer,
            error if error.is_connection_lost() => Self::NoAnswer,
            Error::Resolve { .. } => Self::NotResolved,
            _ => Self::Local,
        }
    }
}
