//! Single descriptors and interfaces: duplicate, set or get an option, look up an interface's number.

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

/// The value of a socket option that is an int (getsockopt(2)).
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) fn get_option(socket: &impl AsFd, level: c_int, name: c_int) -> io::Result<c_int> {
    let descriptor = socket.as_fd().as_raw_fd();
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length`
    // bytes, those of the int that the pointer names.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(value)
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
