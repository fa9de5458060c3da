//! Why a process cannot become a user.

use std::io;

use nix::errno::Errno;

/// A user that the process cannot become.
#[derive(Debug, thiserror::Error)]
#[error("cannot run as {user}: {source}")]
#[non_exhaustive]
pub struct UserError {
    /// The user as typed.
    pub user: String,
    /// Why the process cannot become it.
    pub source: UserProblem,
}

/// Why the process cannot become a user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserProblem {
    /// The name is unknown.
    #[error("there is no {0} of that name")]
    Unknown(&'static str),
    /// No known user has the number, so its group is unknown.
    #[error("no user has that number; give the group as well, as in {0}:{0}")]
    NoGroup(u32),
    /// The process runs as another user than root.
    #[error("only root may change its user")]
    NotRoot,
    /// The user namespace does not allow it.
    #[error("{0}")]
    Namespace(String),
    /// This platform has no safe call for it.
    #[error(
        "macOS starts programs as another user itself; name it as UserName in launchd.plist(5)"
    )]
    NotHere,
    /// A call failed.
    #[error("{}", bullhorn_socket::error::plain(.0))]
    System(#[source] io::Error),
}

impl From<Errno> for UserProblem {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}
