//! Multipath TCP (RFC 8684): its protocol number, and whether a connection has become one.

use std::io;

use crate::endpoint::Protocol;
use crate::socket::Socket;
use crate::sys;

/// The third argument of socket(2).
pub(super) fn number_of(protocol: Protocol) -> io::Result<Option<socket2::Protocol>> {
    Ok(match protocol {
        Protocol::Default => None,
        Protocol::Mptcp => Some(socket2::Protocol::MPTCP),
    })
}

impl Socket {
    /// Whether this is a connection over MPTCP. It is not where the peer, or a box on the path, has
    /// only TCP: the connection is then an ordinary one (RFC 8684, section 3.7).
    pub fn is_mptcp(&self) -> bool {
        sys::has_mptcp_info(self)
    }
}
