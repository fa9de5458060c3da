//! One datagram without control messages: sendto(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::address::Address;

/// Sends one datagram to `peer` with nothing beside it.
pub(crate) fn send_to(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    peer: &Address,
    flags: i32,
) -> io::Result<usize> {
    // SAFETY: sendto only reads what the pointers are to, and each is to memory of the length
    // beside it, borrowed by this function until the call returns.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
            peer.0.as_ptr().cast(),
            peer.0.len(),
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(sent as usize)
}
