//! Descriptors in tokio's care.

use std::io;

use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has tokio say when a listening socket has something to accept. In the context of a runtime.
pub(crate) fn register_listener(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: a Socket owns an open descriptor, which is the same for as long as the Socket lives,
    // and only shared references to it are handed out by the AsyncFd.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(io::Error::from)
}
