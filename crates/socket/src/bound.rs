//! A socket that is bound: what may be chosen for it, and what it is. How it comes to be so is in
//! [`mod@super::bind`].

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::socket::Socket;

use super::unix_file::UnixFile;
use crate::endpoint::{Endpoint, Family, SocketType};
use crate::error::{Error, Operation, Result};

/// What may be chosen when sockets are bound.
#[derive(Clone, Debug)]
pub struct BindOptions {
    /// The file mode of a Unix socket exactly as given, or 0660 less the process's umask.
    pub unix_mode: Option<u32>,
    /// How many connections the kernel completes ahead of us (listen(2)); it takes at most
    /// net.core.somaxconn.
    pub backlog: i32,
    /// How many sockets share one UDP address (SO_REUSEPORT), each for a worker of its own.
    pub workers: usize,
    /// How many threads receive from one inherited datagram socket. With more than one, the answers
    /// to one client may overtake each other.
    pub inherited_workers: usize,
    /// Descriptors of bound sockets that were passed on to this process: an endpoint that is the
    /// address of one of them is served by it instead of being bound anew.
    pub passed: Vec<RawFd>,
    /// The size of the kernel's receive buffer for datagrams in bytes; `None` asks for
    /// [`RECEIVE_BUFFER`], and is content with less.
    pub receive_buffer: Option<usize>,
    /// The size of the kernel's send buffer for datagrams in bytes; `None` keeps the kernel's own.
    pub send_buffer: Option<usize>,
}

/// The default receive buffer, in bytes: a burst of some thousand
/// datagrams waits instead of being dropped. The kernel gives at most net.core.rmem_max.
pub const RECEIVE_BUFFER: usize = 4 << 20;

impl Default for BindOptions {
    fn default() -> Self {
        Self {
            unix_mode: None,
            backlog: 4096,
            workers: 1,
            inherited_workers: 1,
            passed: Vec::new(),
            receive_buffer: None,
            send_buffer: None,
        }
    }
}

/// What became of one endpoint: usually one socket, two for the empty host, one for each local
/// address of a name.
#[derive(Debug)]
pub struct Bound {
    /// The sockets, at least one.
    pub sockets: Vec<BoundSocket>,
    /// The empty host was asked for, and this machine has no IPv6.
    pub without_ipv6: bool,
}

/// A socket that is bound, and listens if it is a stream socket.
#[derive(Debug)]
pub struct BoundSocket {
    /// The socket itself.
    pub socket: Socket,
    /// More sockets on the same address, among which the kernel spreads the flows.
    pub siblings: Vec<Socket>,
    /// How many threads receive from each of the sockets.
    pub threads: usize,
    /// Its endpoint, family and type.
    pub description: Description,
    /// The file of a Unix socket that we made; dropping it takes the file away.
    pub file: Option<UnixFile>,
}

/// What a bound socket is, as asked of the socket itself.
#[derive(Clone, Debug)]
pub struct Description {
    /// Where it is reached: with the port that the kernel chose where 0 was asked.
    pub endpoint: Endpoint,
    /// Its address family.
    pub family: Family,
    /// Its type.
    pub socket_type: SocketType,
    /// The number of its descriptor, `fileno` in other languages; the inherited number for `fd:N`.
    pub descriptor: RawFd,
    /// It is bound to every address of the machine (INADDR_ANY, in6addr_any).
    pub wildcard: bool,
    /// Somebody else made it, and may share it.
    pub inherited: bool,
}

impl BoundSocket {
    /// What the socket is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The directory of the file that a Unix socket has, if we made it and are to remove it.
    pub fn file_directory(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(UnixFile::directory)
    }

    /// Makes the file of a Unix socket, if we made one, another user's and group's, by their numbers.
    /// A server that then becomes that user can still remove it.
    ///
    /// # Errors
    /// [`Error::Socket`] when the kernel does not permit it.
    pub fn give_file_to(&self, user: u32, group: u32) -> Result<()> {
        let given = self.file.as_ref().map(|file| file.give_to(user, group));
        given.transpose().map(drop).map_err(|source| {
            Error::socket(Operation::Configure, &self.description.endpoint, source)
        })
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
                endpoint,
                family,
                socket_type,
                descriptor,
                wildcard: address.is_wildcard(),
                inherited: inherited_as.is_some(),
            },
            file: None,
        })
    }
}
