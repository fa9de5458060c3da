//! A flow over datagrams: a connected socket with its own address.

use std::io;
#[cfg(feature = "probe")]
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use bullhorn_socket::call::{Excerpt, traced};
use bullhorn_socket::endpoint::{Endpoint, MAX_UNIX_DATAGRAM};
use bullhorn_socket::error::Error;
use bullhorn_socket::{ConnectOptions, Socket, begin_connect};

use super::failure::Failure;

pub(crate) struct DatagramFlow {
    socket: Socket,
    endpoint: Endpoint,
}

impl DatagramFlow {
    /// More than any datagram has, so that we truncate none.
    pub(crate) const BUFFER_SIZE: usize = 4 * MAX_UNIX_DATAGRAM;

    /// A socket connected to `endpoint`, which sends nothing yet.
    pub(crate) fn open(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Self, Error> {
        let (socket, _) = begin_connect(endpoint, options)?;
        Ok(Self {
            socket,
            endpoint: endpoint.clone(),
        })
    }

    #[cfg(feature = "probe")]
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The address that it sends from; `None` for a Unix socket.
    #[cfg(feature = "probe")]
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        self.socket.source()
    }

    /// The address at the other end.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What to wait for until something can be received.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(crate) fn send(&self, text: &[u8]) -> Result<(), Failure> {
        let call = format_args!("send({}, {})", self.socket.as_raw_fd(), Excerpt(text));
        match traced(call, self.socket.send(text), |sent| *sent) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::of_send(&self.socket, error)),
        }
    }

    /// The length of the next answer, which is copied to `buffer`; `None` when there is none.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        let result = loop {
            match self.socket.recv(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                result => break result,
            }
        };
        let call = format_args!("recv({})", self.socket.as_raw_fd());
        let received = traced(call, result, |length| {
            format!("{length} {}", Excerpt(&buffer[..*length]))
        });
        match received {
            Ok(length) => Ok(Some(length)),
            Err(error) => Err(Failure::of_receive(&self.socket, error)),
        }
    }
}
