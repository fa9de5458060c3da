//! FreeBSD's flags, and the length of a send queue.

use std::ffi::{c_int, c_ulong};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Closes descriptors that come with a message when another program is executed (recv(2)).
pub(crate) const RECEIVE_FLAGS: c_int = libc::MSG_CMSG_CLOEXEC;

/// A peer that is gone is an error instead of a signal (send(2)).
pub(crate) const NO_SIGNAL: c_int = libc::MSG_NOSIGNAL;

/// Whether shutting an unconnected datagram socket down ends a wait for it: shutdown(2) does not
/// promise it.
pub(crate) const SHUTDOWN_ENDS_WAITS: bool = false;

/// Opens a directory that may be searched and not read (open(2)).
pub(crate) const SEARCH_ONLY: c_int = libc::O_SEARCH;

/// How much the kernel's send buffer, or `most` bytes of it, would still take (FIONSPACE,
/// FIONWRITE; sys/filio.h).
pub(crate) fn send_room(socket: &impl AsFd, most: u32) -> io::Result<usize> {
    let left = most.saturating_sub(unacknowledged(socket)?);
    Ok(left.min(read_int(socket, libc::FIONSPACE)?) as usize)
}

/// How much of what was written to a stream its peer's kernel has not taken (FIONWRITE;
/// sys/filio.h).
pub(crate) fn unacknowledged(socket: &impl AsFd) -> io::Result<u32> {
    read_int(socket, libc::FIONWRITE)
}

/// How many segments were sent again is not read here.
pub(crate) fn retransmissions(_: &impl AsFd) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How many datagrams were dropped at one socket is not known here.
pub(crate) fn dropped_datagrams(_: &impl AsFd) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

fn read_int(socket: &impl AsFd, request: c_ulong) -> io::Result<u32> {
    let descriptor = socket.as_fd().as_raw_fd();
    let mut value: c_int = 0;
    // SAFETY: the descriptor is open while it is borrowed, and both requests write just the int
    // that the pointer names.
    let result = unsafe { libc::ioctl(descriptor, request, &raw mut value) };
    if result == 0 {
        Ok(value.max(0).unsigned_abs())
    } else {
        Err(io::Error::last_os_error())
    }
}
