//! Unix sockets only: names of arbitrary bytes, and descriptors passed with a message.

use std::os::fd::{FromRawFd, OwnedFd};

use socket2::SockAddr;

use crate::control_message;

/// The bytes of an address as the kernel sees them, from its family on.
pub(crate) fn address_bytes(address: &SockAddr) -> &[u8] {
    // SAFETY: the pointer is to the storage inside `address`, which is borrowed as long as the
    // slice; of that, `len` bytes are initialised.
    unsafe { std::slice::from_raw_parts(address.as_ptr().cast(), address.len() as usize) }
}

/// Closes the descriptors that a sender has passed with a message. `control` holds its control
/// messages, as the kernel has just written them.
pub(super) fn close_passed(control: &[u8]) {
    for number in control_message::passed_descriptors(control) {
        // SAFETY: the kernel has just created this descriptor for us, so we are its only owner.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }
}
