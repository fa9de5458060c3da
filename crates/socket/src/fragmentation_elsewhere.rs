//! Other kernels have other options, or none.

use std::io;

use crate::socket::Socket;

impl Socket {
    /// Sends each datagram as one packet, or not at all.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn forbid_fragments(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Lets datagrams be fragmented.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn allow_fragments(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The path MTU of a connected socket, as far as the kernel has learned it.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn path_mtu(&self) -> io::Result<u32> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
