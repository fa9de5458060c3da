//! The name of a client's Unix datagram socket, without which no answer could reach it.

use std::io;

use socket2::{SockAddr, Socket};

use crate::name_file::NameFile;

/// An abstract name, which exists as long as the socket does, or a file.
#[derive(Debug)]
pub(super) struct OwnName(#[allow(dead_code, reason = "it is dropped")] Option<NameFile>);

impl OwnName {
    /// That of every other socket.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Lets the kernel choose a name (autobind; unix(7)).
    pub(super) fn bind(socket: &Socket) -> io::Result<Self> {
        socket.bind(&SockAddr::unix("")?).map(|()| Self::none())
    }

    /// Binds to a new file beside that of the server.
    pub(super) fn bind_beside(socket: &Socket, server: &str) -> io::Result<Self> {
        NameFile::bind(socket, server).map(|file| Self(Some(file)))
    }
}
