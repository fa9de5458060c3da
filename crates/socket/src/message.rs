//! Messages over a connection that keeps their boundaries (SOCK_SEQPACKET; unix(7)).
//!
//! recv(2) returns 0 for an empty message, and also at the end of the connection. So each message
//! is marked: with SO_TIMESTAMP the kernel puts a control message beside it, and reports with
//! MSG_CTRUNC that there was no room for it (`__unix_dgram_recvmsg` in net/unix/af_unix.c); at the
//! end there is none. Without room for control messages, descriptors that are passed are not kept.

use std::io::{self, IoSliceMut};

use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

use crate::socket::Socket;
use crate::sys;

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// How many bytes of it are in the buffer.
    pub length: usize,
    /// It was longer than the buffer, and its end is lost (MSG_TRUNC).
    pub is_cut: bool,
}

impl Socket {
    /// Marks the messages of this connection for [`receive_message`](Self::receive_message).
    ///
    /// # Errors
    /// The kernel's.
    pub fn mark_messages(&self) -> io::Result<()> {
        sys::set_option(self, libc::SOL_SOCKET, libc::SO_TIMESTAMP, 1)
    }

    /// Receives the next message of a connection that [marks](Self::mark_messages) them; `None` at
    /// its end.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when nothing is there.
    pub fn receive_message(&self, buffer: &mut [u8]) -> io::Result<Option<Message>> {
        let mut no_control = RecvAncillaryBuffer::default();
        let mut buffers = [IoSliceMut::new(buffer)];
        let message = recvmsg(self, &mut buffers, &mut no_control, RecvFlags::empty())?;
        let is_message = message.bytes > 0 || message.flags.contains(ReturnFlags::CTRUNC);
        Ok(is_message.then(|| Message {
            length: message.bytes,
            is_cut: message.flags.contains(ReturnFlags::TRUNC),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;

    fn pair() -> (Socket, Socket) {
        let pair = socket2::Socket::pair(socket2::Domain::UNIX, socket2::Type::SEQPACKET, None);
        let (near, far) = pair.unwrap();
        let [near, far] = [near, far].map(|it| Socket::from(std::os::fd::OwnedFd::from(it)));
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    #[test]
    fn an_empty_message_is_not_the_end_of_the_connection() {
        let (near, far) = pair();
        // It may arrive before the messages are marked.
        far.send(b"").unwrap();
        near.mark_messages().unwrap();
        far.send(b"").unwrap();
        far.send(b"text").unwrap();
        far.send(b"").unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        let mut buffer = [0; 16];
        for length in [0, 0, 4, 0] {
            let message = near.receive_message(&mut buffer).unwrap();
            let is_cut = false;
            assert_eq!(message, Some(Message { length, is_cut }));
        }
        for _ in 0..2 {
            assert_eq!(near.receive_message(&mut buffer).unwrap(), None);
        }
    }

    #[test]
    fn a_message_longer_than_the_buffer_is_reported_as_cut() {
        let (near, far) = pair();
        near.mark_messages().unwrap();
        far.send(b"four").unwrap();
        far.send(b"fives").unwrap();
        let mut buffer = [0; 4];
        for is_cut in [false, true] {
            let message = near.receive_message(&mut buffer).unwrap();
            assert_eq!(message, Some(Message { length: 4, is_cut }));
        }
        let error = near.receive_message(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
