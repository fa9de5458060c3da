//! What a server still needs once its sockets are bound.

use std::os::fd::BorrowedFd;

use bullhorn_socket::BoundSocket;
use bullhorn_socket::endpoint::{Family, SocketType};

/// What bound sockets still need to be answered on, and to be taken away.
#[derive(Debug, Default)]
pub struct Needs<'a> {
    /// The directories in which socket files are to be removed.
    pub directories: Vec<BorrowedFd<'a>>,
    /// Answers go to Unix sockets of other programs: by path, which a file mode may forbid, or by
    /// abstract name.
    pub unix_datagrams: bool,
    /// Root answers Unix datagrams also to sockets that only their owners may write to.
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
