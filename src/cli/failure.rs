//! How a verb ends: with an exit code, or with the failure that ended it.

use std::io;
use std::path::{Path, PathBuf};

use super::exit_code::ExitCode;
use super::hints::{self, WithHint};
use super::stderr;
use crate::http::BindError;
use bullhorn::sandbox::user::UserError;
use bullhorn_socket::error::{Error, plain};

/// The exit code of a verb that ran to its end, or the failure that ended it.
pub(super) type Outcome = Result<ExitCode, Failure>;

/// Why a verb did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{}", WithHint(.0))]
    Library(#[from] Error),
    /// Arguments that do not go together.
    #[error("{0}")]
    Usage(String),
    /// A name without an address, where that may be a mistake in the arguments.
    #[error("{0}")]
    NotResolved(String),
    #[error("{}{}", .0, hints::for_user(.0))]
    User(#[from] UserError),
    #[error("cannot {operation} {}: {}", path.display(), plain(source))]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A part of the server that should run until a signal.
    #[error("{0} ended unexpectedly")]
    Ended(String),
    #[error("cannot {operation}: {}", plain(source))]
    Local {
        operation: &'static str,
        source: io::Error,
    },
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Socket(error) => error.into(),
            BindError::NotAStream(_) => Self::Usage(format!("--metrics {error}")),
        }
    }
}

impl Failure {
    /// What failed on which file: `read`, `write`.
    pub(super) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// Prints the one line and returns the exit code.
    pub(super) fn report(&self) -> ExitCode {
        stderr::line(format_args!("bullhorn: {self}"));
        self.into()
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Library(error) => error.into(),
            Failure::Usage(_) => Self::Usage,
            Failure::NotResolved(_) => Self::NotResolved,
            Failure::User(_) | Failure::File { .. } | Failure::Ended(_) | Failure::Local { .. } => {
                Self::Local
            }
        }
    }
}
