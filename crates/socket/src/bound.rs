//! A bound socket and its description. [`bind`](crate::bind()) and [`inherit`](crate::inherit())
//! make it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::socket::Socket;

use super::unix_file::UnixFile;
use crate::endpoint::{Endpoint, Family, Protocol, SocketType};
use crate::error::{Error, Operation, Result};

/// The sockets of one endpoint: usually one, two for the empty host, one for each local
/// address of a name.
#[derive(Debug)]
#[non_exhaustive]
pub struct Bound {
    /// The sockets, at least one.
    pub sockets: Vec<BoundSocket>,
    /// The endpoint has the empty host, and this machine has no IPv6.
    pub without_ipv6: bool,
}

/// A socket that is bound, and listens if it is a stream socket.
#[derive(Debug)]
#[non_exhaustive]
pub struct BoundSocket {
    /// The socket itself.
    pub socket: Socket,
    /// More sockets on the same address, among which the kernel spreads the flows.
    pub siblings: Vec<Socket>,
    /// How many threads receive from each of the sockets.
    pub threads: usize,
    /// Its endpoint, family and type.
    pub description: Description,
    /// The file of a Unix socket, if we created it; dropping it removes the file.
    pub file: Option<UnixFile>,
}

/// The properties of a bound socket, as read from the socket itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Description {
    /// Its endpoint, with the port that the kernel chose for port 0.
    pub endpoint: Endpoint,
    /// Its address family.
    pub family: Family,
    /// Its type.
    pub socket_type: SocketType,
    /// The number of its descriptor, `fileno` in other languages; the inherited number for `fd:N`.
    pub descriptor: RawFd,
    /// It is bound to every address of the machine (INADDR_ANY, in6addr_any).
    pub(crate) wildcard: bool,
    /// Another process created it, and may still share it.
    pub inherited: bool,
}

impl Description {
    /// A socket of this process, bound to the one address of `endpoint`.
    pub fn new(
        endpoint: Endpoint,
        family: Family,
        socket_type: SocketType,
        descriptor: RawFd,
    ) -> Self {
        Self {
            endpoint,
            family,
            socket_type,
            descriptor,
            wildcard: false,
            inherited: false,
        }
    }
}

impl BoundSocket {
    /// Its endpoint, family and type.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The directory of its file, if we created that file and must remove it.
    pub fn file_directory(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(UnixFile::directory)
    }

    /// Changes the owner and group of its file, if we created one. A server that then switches to
    /// that user can still remove the file.
    ///
    /// # Errors
    /// [`Error::Socket`] when the kernel does not permit it.
    pub fn give_file_to(&self, user: u32, group: u32) -> Result<()> {
        let given = self.file.as_ref().map(|file| file.give_to(user, group));
        given.transpose().map(drop).map_err(|source| {
            Error::socket(Operation::Configure, &self.description.endpoint, source)
        })
    }

    /// Names its protocol, which its address does not have.
    pub(super) fn set_protocol(&mut self, protocol: Protocol) {
        let endpoint = self.description.endpoint.clone();
        self.description.endpoint = endpoint.with_protocol(protocol);
    }

    pub(super) fn new(
        socket: Socket,
        family: Family,
        socket_type: SocketType,
        inherited_as: Option<RawFd>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let descriptor = inherited_as.unwrap_or(socket.as_raw_fd());
        let endpoint = address
            .to_endpoint(socket_type)
            .unwrap_or(Endpoint::Descriptor(descriptor));
        Ok(Self {
            socket,
            siblings: Vec::new(),
            threads: 1,
            description: Description {
                wildcard: address.is_wildcard(),
                inherited: inherited_as.is_some(),
                ..Description::new(endpoint, family, socket_type, descriptor)
            },
            file: None,
        })
    }
}
