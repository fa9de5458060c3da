//! The options of TCP that only Linux has.

use std::io;

use crate::socket::Socket;

impl Socket {
    /// The number of unsent bytes from which a TCP connection is not writable: left to the kernel.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn set_tcp_notsent_lowat(&self, _bytes: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Accepts a TCP connection only once it has data: it is accepted at once.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn set_tcp_defer_accept(&self, _seconds: i32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
