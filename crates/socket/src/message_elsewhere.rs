//! Messages over a connection that keeps their boundaries, where an empty one is the same as the
//! end of the connection.

use std::io::{self, IoSliceMut};

use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

use crate::socket::Socket;

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// How many bytes of it are in the buffer.
    pub length: usize,
    /// It was longer than the buffer, and its end is lost (MSG_TRUNC).
    pub is_cut: bool,
}

impl Socket {
    /// Does nothing: these kernels mark no messages.
    ///
    /// # Errors
    /// None.
    pub fn mark_messages(&self) -> io::Result<()> {
        Ok(())
    }

    /// Receives the next message of a connection; `None` at its end, and for an empty one.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when nothing is there.
    pub fn receive_message(&self, buffer: &mut [u8]) -> io::Result<Option<Message>> {
        let mut no_control = RecvAncillaryBuffer::default();
        let mut buffers = [IoSliceMut::new(buffer)];
        let message = recvmsg(self, &mut buffers, &mut no_control, RecvFlags::empty())?;
        Ok((message.bytes > 0).then(|| Message {
            length: message.bytes,
            is_cut: message.flags.contains(ReturnFlags::TRUNC),
        }))
    }
}
