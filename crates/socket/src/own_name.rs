//! The name of a client's Unix datagram socket, without which no answer could reach it.

use std::io;

use socket2::{SockAddr, Socket};

/// An abstract name, which exists as long as the socket does.
#[derive(Debug)]
pub(super) struct OwnName;

impl OwnName {
    /// That of every other socket.
    pub(super) const fn none() -> Self {
        Self
    }

    /// Lets the kernel choose a name (autobind; unix(7)).
    pub(super) fn bind(socket: &Socket) -> io::Result<Self> {
        socket.bind(&SockAddr::unix("")?).map(|()| Self)
    }
}
