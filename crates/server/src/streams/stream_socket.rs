//! The calls on the socket of a connection.

use std::io::{self, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};

use bullhorn_socket::{Message, Socket};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recv, recvmsg};

use bullhorn_socket::call::{Excerpt, traced, traced_zero};
use bullhorn_socket::endpoint::{Family, SocketType};

/// A connected socket that does not block.
pub(super) struct StreamSocket {
    socket: Socket,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Unix,
    /// Messages instead of bytes.
    SeqPacket,
}

/// What one read took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Received {
    /// 0 when the peer has half-closed.
    pub(super) length: usize,
    /// The kernel may hold more, although the buffer is not full.
    pub(super) is_cut: bool,
}

impl StreamSocket {
    pub(super) fn new(socket: Socket, family: Family, socket_type: SocketType) -> Self {
        let kind = match (family, socket_type) {
            (_, SocketType::SeqPacket) => Kind::SeqPacket,
            (Family::Unix, _) => Kind::Unix,
            _ => Kind::Tcp,
        };
        Self { socket, kind }
    }

    /// Whether it carries messages, for [`receive_message`](Self::receive_message).
    pub(super) fn has_messages(&self) -> bool {
        self.kind == Kind::SeqPacket
    }

    /// Finding nothing is not logged.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let (name, result) = match self.kind {
            Kind::Tcp => ("recv", self.receive(buffer)),
            _ => ("recvmsg", self.receive_bytes(buffer)),
        };
        let result = match result {
            Err(Errno::AGAIN) => return Err(Errno::AGAIN.into()),
            result => result.map_err(io::Error::from),
        };
        let call = format_args!("{name}({})", self.socket.as_raw_fd());
        traced(call, result, |Received { length, .. }| {
            format!("{length} {}", Excerpt(&buffer[..*length]))
        })
    }

    fn receive(&self, buffer: &mut [u8]) -> rustix::io::Result<Received> {
        let (length, _) = recv(&self.socket, buffer, RecvFlags::empty())?;
        Ok(Received {
            length,
            is_cut: false,
        })
    }

    /// A read over a Unix socket ends after a message that brings descriptors, or that another
    /// process sent where credentials are asked for (unix(7)). Neither is wanted, and the kernel
    /// reports both.
    fn receive_bytes(&self, buffer: &mut [u8]) -> rustix::io::Result<Received> {
        let mut control = RecvAncillaryBuffer::default();
        let mut buffers = [IoSliceMut::new(buffer)];
        let message = recvmsg(&self.socket, &mut buffers, &mut control, RecvFlags::empty())?;
        Ok(Received {
            length: message.bytes,
            is_cut: message.flags.contains(ReturnFlags::CTRUNC),
        })
    }

    /// The next message; `None` when the peer has half-closed. Finding nothing is not logged.
    pub(super) fn receive_message(&self, buffer: &mut [u8]) -> io::Result<Option<Message>> {
        let result = match self.socket.receive_message(buffer) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Err(error),
            result => result,
        };
        let call = format_args!("recvmsg({})", self.socket.as_raw_fd());
        traced(call, result, |message| {
            let length = message.map_or(0, |message| message.length);
            format!("{length} {}", Excerpt(&buffer[..length]))
        })
    }

    /// Sends one message, whole or not at all.
    pub(super) fn send_message(&self, message: &[u8]) -> io::Result<()> {
        let result = match self.socket.send(message) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Err(error),
            result => result,
        };
        let call = format_args!("send({}, {})", self.socket.as_raw_fd(), Excerpt(message));
        traced(call, result, |sent| *sent).map(drop)
    }

    /// A stream that takes nothing counts as closed.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let result = match self.socket.send(bytes) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Err(error),
            result => result,
        };
        let call = format_args!("send({}, {})", self.socket.as_raw_fd(), Excerpt(bytes));
        match traced(call, result, |written| *written) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            result => result,
        }
    }

    pub(super) fn half_close(&self) -> io::Result<()> {
        let result = self.socket.shutdown(Shutdown::Write);
        let call = format_args!("shutdown({}, SHUT_WR)", self.socket.as_raw_fd());
        traced_zero(call, result)
    }

    /// How much of a send queue of `max` bytes is free, as the kernel counts.
    pub(super) fn send_room(&self, max: u32) -> io::Result<usize> {
        self.socket.send_room(max)
    }

    /// How much of the answers the peer's kernel has not taken; 0 if that is unknown.
    pub(super) fn unacknowledged(&self) -> u32 {
        self.socket.unacknowledged().unwrap_or(0)
    }
}

impl AsRawFd for StreamSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Drop for StreamSocket {
    fn drop(&mut self) {
        // The descriptor is closed right after this.
        let _ = traced_zero(format_args!("close({})", self.socket.as_raw_fd()), Ok(()));
    }
}
