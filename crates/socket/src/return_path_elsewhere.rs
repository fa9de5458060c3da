//! Where an answer to a Unix datagram may go: to the path that it came from, as it leads by now.
//!
//! Only Linux reports who sent a datagram, and can send to an open file instead of a path.
//! Elsewhere another user can make the path lead to a socket that the server may write to and that
//! user may not. A server that is root therefore answers no Unix datagrams.

use std::io;

use crate::address::Address;
use crate::socket::Socket;

use super::batch::Run;

/// Why a datagram is not answered to the path that it came from.
#[derive(Debug, thiserror::Error)]
#[error(
    "root answers Unix datagrams on Linux only, where the kernel says who sent them; run the \
     server as another user"
)]
pub struct NotSendersSocket;

/// Nothing is asked for.
pub(super) fn ask_for_sender(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// The return paths of one batch, none of which needs anything kept.
#[derive(Debug, Default)]
pub(super) struct ReturnPaths {
    is_root_with_unix_socket: bool,
}

impl ReturnPaths {
    /// For a socket that is a Unix socket, or has nothing to check.
    pub(super) fn new(is_unix: bool) -> Self {
        Self {
            is_root_with_unix_socket: is_unix && rustix::process::geteuid().is_root(),
        }
    }

    /// Opens nothing.
    pub(super) fn open(&mut self, _: &Run) {}

    /// Where the answer to `run` goes.
    pub(super) fn address<'a>(&'a self, run: &'a Run) -> io::Result<&'a Address> {
        if self.is_root_with_unix_socket {
            let error = io::ErrorKind::PermissionDenied;
            return Err(io::Error::new(error, NotSendersSocket));
        }
        Ok(&run.peer)
    }

    /// Closes nothing.
    pub(super) fn clear(&mut self) {}
}
