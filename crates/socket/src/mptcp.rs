//! Multipath TCP (RFC 8684): its protocol number, and whether a connection has become one.

use std::io;
use std::os::fd::AsFd;

use crate::endpoint::Protocol;
use crate::sys;

/// The third argument of socket(2).
pub(super) fn number_of(protocol: Protocol) -> io::Result<Option<socket2::Protocol>> {
    Ok(match protocol {
        Protocol::Default => None,
        Protocol::Mptcp => Some(socket2::Protocol::MPTCP),
    })
}

/// Whether the connection of this socket is over MPTCP.
pub(super) fn is_used_by(socket: &impl AsFd) -> bool {
    sys::has_mptcp_info(socket)
}
