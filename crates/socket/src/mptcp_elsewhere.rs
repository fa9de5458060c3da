//! Multipath TCP, which only Linux has.

use std::io;
use std::os::fd::AsFd;

use crate::endpoint::Protocol;

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

/// Whether the connection of this socket is over MPTCP: never.
pub(super) fn is_used_by(_: &impl AsFd) -> bool {
    false
}
