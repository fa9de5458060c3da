//! The name of a client's Unix datagram socket, without which no answer could reach it: a file, as
//! only Linux chooses a name itself (bind(2), unix(4)).

use std::io;

use socket2::Socket;

use crate::name_file::NameFile;

/// The file of a socket, if it has one.
#[derive(Debug)]
pub(super) struct OwnName(#[allow(dead_code, reason = "it is dropped")] Option<NameFile>);

impl OwnName {
    /// That of every other socket.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Binds to a new file in /tmp, where every server can reach it.
    pub(super) fn bind(socket: &Socket) -> io::Result<Self> {
        Self::bind_beside(socket, "/tmp/bullhorn")
    }

    /// Binds to a new file beside that of the server.
    pub(super) fn bind_beside(socket: &Socket, server: &str) -> io::Result<Self> {
        NameFile::bind(socket, server).map(|file| Self(Some(file)))
    }
}
