//! Descriptors in tokio's care.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has tokio say when the owner of a descriptor has something to accept or to tell. In the context of
/// a runtime.
pub fn register_readable<T>(owner: T) -> io::Result<AsyncFd<T>>
where
    T: AsRawFd + Into<OwnedFd>,
{
    // SAFETY: what can be made an OwnedFd (here a Socket, an OwnedFd) owns an open descriptor, which is
    // the same for as long as the owner lives, and only shared references to it are handed out by
    // the AsyncFd.
    unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }.map_err(io::Error::from)
}
