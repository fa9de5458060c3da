//! Single descriptors and interfaces: duplicate, set an option or a mode, ask for the file of a
//! socket, look up an interface's number.

use std::ffi::{CString, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A duplicate of descriptor `number`, closed on exec. EBADF when it is not open.
///
/// The number itself keeps its owner, which may be another part of this process.
pub(crate) fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with F_DUPFD_CLOEXEC touches no memory of ours, whatever the number is.
    let duplicate = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if duplicate < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just created this descriptor for us, so we are its only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

/// Sets a socket option whose value is an int (setsockopt(2)).
pub(crate) fn set_option(
    socket: &impl AsFd,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads just the int that
    // the pointer and the length name.
    let result = unsafe {
        libc::setsockopt(
            descriptor,
            level,
            name,
            (&raw const value).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

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

/// The number of the network interface `name` (if_nametoindex(3)). ENODEV when there is none.
pub(crate) fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: the pointer is to a string that ends in NUL and lives through the call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}
