//! Why a part of the sandbox is missing.

use std::io;

/// Why a part of the sandbox is not in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotApplied {
    /// The kernel supports it, but was started without it.
    #[error("not enabled when this kernel was started")]
    NotEnabled,
    /// The kernel does not support it.
    #[error("this kernel has none; Linux 5.13 and later do")]
    NotSupported,
    /// There is no list of system calls for this architecture.
    #[error("there is no list of calls for this architecture")]
    NoCallList,
    /// The kernel refused it.
    #[error("{}", bullhorn_socket::error::plain(.0))]
    Refused(#[source] io::Error),
}
