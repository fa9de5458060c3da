//! The options of TCP that only Linux has (tcp(7)).

use std::io;

use crate::socket::Socket;
use crate::sys;

impl Socket {
    /// The number of unsent bytes from which a TCP connection is not writable
    /// (TCP_NOTSENT_LOWAT).
    ///
    /// # Errors
    /// The kernel's; `Unsupported` elsewhere than on Linux.
    pub fn set_tcp_notsent_lowat(&self, bytes: u32) -> io::Result<()> {
        self.0.set_tcp_notsent_lowat(bytes)
    }

    /// Accepts a TCP connection only once it has data, or after `seconds` (TCP_DEFER_ACCEPT).
    ///
    /// # Errors
    /// The kernel's; `Unsupported` elsewhere than on Linux.
    pub fn set_tcp_defer_accept(&self, seconds: i32) -> io::Result<()> {
        sys::set_option(self, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds)
    }
}
