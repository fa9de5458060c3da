//! What only Linux has: the file of a bound socket, and a socket's memory as the kernel counts it.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// Closes descriptors that come with a message when another program is executed (recvmsg(2)).
pub(crate) const RECEIVE_FLAGS: c_int = libc::MSG_CMSG_CLOEXEC;

/// A peer that is gone is an error instead of a signal (send(2)).
pub(crate) const NO_SIGNAL: c_int = libc::MSG_NOSIGNAL;

/// Whether shutting an unconnected datagram socket down ends a wait for it (inet_shutdown in
/// net/ipv4/af_inet.c).
pub(crate) const SHUTDOWN_ENDS_WAITS: bool = true;

/// Opens a directory that may be searched and not read (open(2)).
pub(crate) const SEARCH_ONLY: c_int = libc::O_PATH;

/// The file that a Unix socket is bound to, as a descriptor that cannot be read or written
/// (O_PATH). EPERM without CAP_NET_ADMIN.
pub(crate) fn bound_file(socket: &impl AsFd) -> io::Result<OwnedFd> {
    /// Of include/uapi/linux/un.h.
    const SIOCUNIXFILE: u32 = 0x89e0;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open while it is borrowed, and this request has no argument.
    let file = unsafe { libc::ioctl(descriptor, SIOCUNIXFILE as _) };
    if file < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just created this descriptor for us, so we are its only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

/// Sets the mode of an open file, which may be open with O_PATH alone (fchmodat2; Linux 6.6).
pub(crate) fn set_mode(file: &impl AsFd, mode: u32) -> io::Result<()> {
    /// The same on every architecture but MIPS, where this number is no call.
    const SYS_FCHMODAT2: libc::c_long = 452;
    let descriptor = file.as_fd().as_raw_fd();
    let (path, flags) = (c"", libc::AT_EMPTY_PATH);
    // SAFETY: the descriptor is open while it is borrowed, and the path is a string that ends in
    // NUL and lives through the call.
    let result = unsafe { libc::syscall(SYS_FCHMODAT2, descriptor, path.as_ptr(), mode, flags) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// How many datagrams the kernel has dropped at this socket since it was made, modulo 2^32.
pub(crate) fn dropped_datagrams(socket: &impl AsFd) -> io::Result<u32> {
    const DROPS: usize = 8;
    Ok(memory_info(socket)?[DROPS])
}

/// How much the kernel's send buffer, or `most` of it, would still take, as the kernel counts: in
/// bytes of memory, which are more than those of the text.
pub(crate) fn send_room(socket: &impl AsFd, most: u32) -> io::Result<usize> {
    const WRITE_ALLOCATED: usize = 2;
    const SEND_BUFFER: usize = 3;
    const WRITE_QUEUED: usize = 5;
    let numbers = memory_info(socket)?;
    let taken = numbers[WRITE_ALLOCATED].max(numbers[WRITE_QUEUED]);
    Ok(numbers[SEND_BUFFER].min(most).saturating_sub(taken) as usize)
}

/// The numbers of SO_MEMINFO (SK_MEMINFO_* in include/uapi/linux/sock_diag.h).
fn memory_info(socket: &impl AsFd) -> io::Result<[u32; 9]> {
    let descriptor = socket.as_fd().as_raw_fd();
    let mut numbers = [0_u32; 9];
    let mut length = size_of_val(&numbers) as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length`
    // bytes into the array of that size.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(numbers)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// How much of what was written to a stream its peer's kernel has not taken (SIOCOUTQ, which is
/// the same number as TIOCOUTQ: tcp(7)); on a Unix stream, what the peer has not read.
pub(crate) fn unacknowledged(socket: &impl AsFd) -> io::Result<u32> {
    let descriptor = socket.as_fd().as_raw_fd();
    let mut bytes: c_int = 0;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes just the int that
    // the pointer names.
    let result = unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 {
        Ok(bytes.unsigned_abs())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// How many segments of a TCP connection were sent again since it began.
pub(crate) fn retransmissions(socket: &impl AsFd) -> io::Result<u32> {
    /// The words of `struct tcp_info` (include/uapi/linux/tcp.h) up to `tcpi_total_retrans`.
    const WORDS: usize = 26;
    let descriptor = socket.as_fd().as_raw_fd();
    let mut words = [0_u32; WORDS];
    let mut length = size_of_val(&words) as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length`
    // bytes into the array of that size.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            words.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(words[WORDS - 1])
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether a connection uses MPTCP: the kernel has MPTCP_INFO only for one that does, and answers
/// EOPNOTSUPP for one that has fallen back to TCP (Linux 5.16; mptcp_getsockopt in
/// net/mptcp/sockopt.c).
pub(crate) fn has_mptcp_info(socket: &impl AsFd) -> bool {
    /// Of include/linux/socket.h and include/uapi/linux/mptcp.h.
    const SOL_MPTCP: c_int = 284;
    const MPTCP_INFO: c_int = 1;
    let descriptor = socket.as_fd().as_raw_fd();
    let mut first_bytes = [0_u8; 4];
    let mut length = size_of_val(&first_bytes) as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length`
    // bytes into the array of that size.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            SOL_MPTCP,
            MPTCP_INFO,
            first_bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    result == 0
}
