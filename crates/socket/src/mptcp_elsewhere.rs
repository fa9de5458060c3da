//! Multipath TCP, which only Linux has.

use std::io;

use crate::endpoint::Protocol;
use crate::socket::Socket;

/// Multipath TCP is not there.
#[derive(Debug, thiserror::Error)]
#[error("only Linux has MPTCP; use tcp://")]
struct OnlyOnLinux;

/// The third argument of socket(2).
pub(super) fn number_of(protocol: Protocol) -> io::Result<Option<socket2::Protocol>> {
    match protocol {
        Protocol::Default => Ok(None),
        Protocol::Mptcp => Err(io::Error::new(io::ErrorKind::Unsupported, OnlyOnLinux)),
    }
}

impl Socket {
    /// Whether this is a connection over MPTCP: never.
    pub fn is_mptcp(&self) -> bool {
        false
    }
}
