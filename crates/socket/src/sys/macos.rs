//! The flags of macOS, and the length of a send queue.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use super::descriptor::get_option;

/// There is no flag that closes passed descriptors on exec (recv(2)).
pub(crate) const RECEIVE_FLAGS: c_int = 0;

/// A peer that is gone is an error instead of a signal by an option of the socket (SO_NOSIGPIPE;
/// setsockopt(2)), which std and socket2 set on every socket that they create.
pub(crate) const NO_SIGNAL: c_int = 0;

/// Whether shutting an unconnected datagram socket down ends a wait for it: it only fails (ENOTCONN;
/// shutdown(2)).
pub(crate) const SHUTDOWN_ENDS_WAITS: bool = false;

/// Opens a directory that may be searched and not read (open(2)).
pub(crate) const SEARCH_ONLY: c_int = libc::O_SEARCH;

/// How much the kernel's send buffer, or `most` bytes of it, would still take (SO_SNDBUF,
/// SO_NWRITE; getsockopt(2)).
pub(crate) fn send_room(socket: &impl AsFd, most: u32) -> io::Result<usize> {
    let size = option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF)?;
    Ok(size.min(most).saturating_sub(unacknowledged(socket)?) as usize)
}

/// How much of what was written to a stream its peer's kernel has not taken (SO_NWRITE;
/// getsockopt(2)).
pub(crate) fn unacknowledged(socket: &impl AsFd) -> io::Result<u32> {
    option(socket, libc::SOL_SOCKET, libc::SO_NWRITE)
}

/// How many segments were sent again is not read here.
pub(crate) fn retransmissions(_: &impl AsFd) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How many datagrams were dropped at one socket is not known here.
pub(crate) fn dropped_datagrams(_: &impl AsFd) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A socket option whose value is an int and counts something.
fn option(socket: &impl AsFd, level: c_int, name: c_int) -> io::Result<u32> {
    get_option(socket, level, name).map(|value| value.max(0).unsigned_abs())
}
