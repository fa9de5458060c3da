//! What a server still needs once its sockets are bound.

use std::os::fd::BorrowedFd;

use bullhorn_socket::BoundSocket;
use bullhorn_socket::endpoint::{Family, SocketType};

/// What answering on bound sockets, and removing their files, still needs.
#[derive(Debug, Default)]
pub struct Needs<'a> {
    /// The directories with socket files to remove.
    pub directories: Vec<BorrowedFd<'a>>,
    /// Answers go to Unix sockets of other programs: by path, for which the mode of the file is
    /// checked, or by abstract name.
    pub unix_datagrams: bool,
    /// Root also answers Unix datagrams from sockets that only their owners may write to.
    pub private_sockets: bool,
}

impl<'a> Needs<'a> {
    /// The needs of these sockets.
    pub fn of(sockets: &[&'a BoundSocket]) -> Self {
        Self {
            directories: sockets
                .iter()
                .filter_map(|socket| socket.file_directory())
                .collect(),
            unix_datagrams: sockets.iter().any(|socket| {
                let is = socket.description();
                (is.family, is.socket_type) == (Family::Unix, SocketType::Datagram)
            }),
            private_sockets: false,
        }
    }
}
