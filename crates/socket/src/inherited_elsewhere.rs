//! The properties of a socket that another process made: its address has its family, and each type
//! has one protocol.

use std::io;

use socket2::{Domain, Protocol};

use super::sys;
use crate::endpoint::{Family, SocketType};
use crate::socket::Socket;

pub(super) fn domain(socket: &Socket) -> io::Result<Domain> {
    Ok(socket.0.local_addr()?.domain())
}

pub(super) fn protocol(_: &Socket) -> io::Result<Option<Protocol>> {
    Ok(None)
}

/// Not asked for: for a socket that listens, listen(2) only sets the backlog anew.
pub(super) fn is_listening(_: &Socket) -> io::Result<bool> {
    Ok(false)
}

/// A peer that is gone is an error instead of a signal (SO_NOSIGPIPE); an error that is pending
/// already is forgotten.
pub(super) fn reset_options(socket: &Socket, _: Family, _: SocketType) -> io::Result<()> {
    sys::set_option(socket, libc::SOL_SOCKET, libc::SO_NOSIGPIPE, 1)?;
    socket.0.take_error().map(drop)
}
