//! One datagram with its address and control messages: recvmsg(2) and sendmsg(2).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::{SockAddr, SockAddrStorage};

use crate::address::Address;

use super::kernel::RECEIVE_FLAGS;
use super::unix::close_passed;

/// What `recvmsg` returned beside the bytes.
#[derive(Debug)]
pub(crate) struct Message {
    /// Bytes written to the buffer.
    pub length: usize,
    /// The sender; of length 0 when it has no name, or when the call ended because the socket was
    /// shut down.
    pub peer: Address,
    /// Bytes written to the control buffer.
    pub control_length: usize,
    /// MSG_TRUNC, MSG_CTRUNC and the like.
    pub flags: i32,
}

/// Receives one datagram into `buffer`, its control messages into `control`. Descriptors that were
/// passed with it are closed.
pub(crate) fn receive_message(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
    flags: i32,
) -> io::Result<Message> {
    let mut address = SockAddrStorage::zeroed();
    let mut vector = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeros is a valid msghdr: null pointers and zero lengths.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = (&raw mut address).cast();
    header.msg_namelen = address.size_of();
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    if !control.is_empty() {
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = control.len() as _;
    }
    // SAFETY: each pointer in the header is to memory of the length beside it, borrowed mutably by
    // this function until the call returns.
    let length =
        unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags | RECEIVE_FLAGS) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel wrote an address of the socket's family, of `name_length` bytes; the rest
    // is still zero.
    let peer = Address(unsafe { SockAddr::new(address, name_length(&header)) });
    let control_length = header.msg_controllen as usize;
    close_passed(&control[..control_length]);
    Ok(Message {
        length: length as usize,
        peer,
        control_length,
        flags: header.msg_flags,
    })
}

/// The bytes of the address that a receive call returned. Of a Unix socket whose path has no room
/// for a zero behind it the kernel counts one, which it then does not take (unix_mkname_bsd in
/// net/unix/af_unix.c).
pub(super) fn name_length(header: &libc::msghdr) -> libc::socklen_t {
    header
        .msg_namelen
        .min(size_of::<libc::sockaddr_un>() as libc::socklen_t)
}

/// Sends one datagram to `peer` with `control` beside it (none when empty).
pub(crate) fn send_message(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    peer: &Address,
    control: &[u8],
    flags: i32,
) -> io::Result<usize> {
    let mut vector = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: all zeros is a valid msghdr: null pointers and zero lengths.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = peer.0.as_ptr().cast_mut().cast();
    header.msg_namelen = peer.0.len();
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    if !control.is_empty() {
        header.msg_control = control.as_ptr().cast_mut().cast();
        header.msg_controllen = control.len() as _;
    }
    // SAFETY: sendmsg only reads what the header points to, and each pointer is to memory of the
    // length beside it, borrowed by this function until the call returns.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, flags) };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(sent as usize)
}
