//! A flow over messages: a connected socket with its own address for datagrams, or a connection that
//! keeps message boundaries.

use std::io;
#[cfg(feature = "probe")]
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use bullhorn_socket::call::{Excerpt, traced};
use bullhorn_socket::endpoint::{Endpoint, MAX_UNIX_DATAGRAM};
use bullhorn_socket::error::{Error, Operation};
use bullhorn_socket::{Attempt, ConnectOptions, Socket, SocketType, begin_connect};

use super::failure::Failure;

pub(crate) struct DatagramFlow {
    socket: Socket,
    endpoint: Endpoint,
    /// `None` once connected.
    attempt: Option<Box<Attempt>>,
    /// It may end, and nothing that it carries is lost before.
    is_connection: bool,
}

impl DatagramFlow {
    /// More than any datagram has, so that we truncate none.
    pub(crate) const BUFFER_SIZE: usize = 4 * MAX_UNIX_DATAGRAM;

    /// A socket connected to `endpoint`, which sends nothing yet. A connection may be in progress;
    /// [`Self::send`] and [`Self::advance`] continue.
    pub(crate) fn open(endpoint: &Endpoint, options: &ConnectOptions) -> Result<Self, Error> {
        let (socket, attempt) = begin_connect(endpoint, options)?;
        let is_connection = endpoint.socket_type() == Some(SocketType::SeqPacket);
        if is_connection {
            let marked = socket.mark_messages();
            marked.map_err(|source| Error::socket(Operation::Configure, endpoint, source))?;
        }
        Ok(Self {
            socket,
            attempt: (!attempt.is_made()).then(|| Box::new(attempt)),
            is_connection,
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

    /// Whether it is a connection, which may end.
    pub(crate) fn is_connection(&self) -> bool {
        self.is_connection
    }

    /// Whether it is still connecting.
    #[cfg(feature = "probe")]
    pub(crate) fn is_opening(&self) -> bool {
        self.attempt.is_some()
    }

    /// What to wait for until something can be received, or the attempt to connect continues.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.attempt {
            Some(attempt) => attempt.interest(&self.socket).0,
            None => self.socket.as_fd(),
        }
    }

    /// Continues to connect. Returns whether it is connected.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        if let Some(attempt) = &mut self.attempt
            && attempt.advance(&self.socket)?
        {
            self.attempt = None;
        }
        Ok(self.attempt.is_none())
    }

    /// Sends one message; `WouldBlock` while it is connecting.
    pub(crate) fn send(&mut self, text: &[u8]) -> Result<(), Failure> {
        match self.advance() {
            Ok(true) => {}
            Ok(false) => return Err(Failure::Call(io::Error::from_raw_os_error(libc::EAGAIN))),
            Err(error) => return Err(Failure::Call(error)),
        }
        let call = format_args!("send({}, {})", self.socket.as_raw_fd(), Excerpt(text));
        match traced(call, self.socket.send(text), |sent| *sent) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::of_send(&self.socket, error)),
        }
    }

    /// The length of the next answer, which is copied to `buffer`; `None` when there is none.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        if self.attempt.is_some() {
            return Ok(None);
        }
        let result = loop {
            match self.receive_once(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // Reported before the answers that came earlier; the end follows them.
                Err(error)
                    if self.is_connection && error.kind() == io::ErrorKind::ConnectionReset => {}
                result => break result,
            }
        };
        let name = if self.is_connection {
            "recvmsg"
        } else {
            "recv"
        };
        let call = format_args!("{name}({})", self.socket.as_raw_fd());
        let received = traced(call, result, |length| {
            format!("{length} {}", Excerpt(&buffer[..*length]))
        });
        match received {
            Ok(length) => Ok(Some(length)),
            Err(error) if self.is_connection => Err(Failure::Call(error)),
            Err(error) => Err(Failure::of_receive(&self.socket, error)),
        }
    }

    /// The end of a connection is an error.
    fn receive_once(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_connection {
            return self.socket.recv(buffer);
        }
        match self.socket.receive_message(buffer)? {
            Some(message) => Ok(message.length),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
