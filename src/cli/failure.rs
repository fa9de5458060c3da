//! How a verb ends: with an exit code, or with the failure that ended it.

use std::io;
use std::path::{Path, PathBuf};

use super::stderr;
use bullhorn_socket::error::{Error, plain};

/// The exit code of a verb that ran to its end, or why it did not.
pub(super) type Outcome = Result<u8, Failure>;

/// Why a verb did not run to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Library(#[from] Error),
    #[error("cannot write the output: {}", plain(.0))]
    Output(#[source] io::Error),
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
    pub(super) fn report(&self) -> u8 {
        stderr::line(format_args!("bullhorn: {self}"));
        self.exit_code()
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Library(error) => error.exit_code(),
            Self::Output(_) | Self::File { .. } | Self::Ended(_) | Self::Local { .. } => 7,
        }
    }
}
