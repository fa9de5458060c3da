//! A connection that keeps message boundaries (SOCK_SEQPACKET): each message is answered by one, in
//! order.
//!
//! An answer that the peer does not take is kept, and nothing more is read until it is sent. What
//! is longer than a message may be ends the connection: a part of it would be a wrong answer, and
//! without any the next answer would be taken for it.

use std::io;

use bullhorn_socket::Message;
use bullhorn_socket::call::Excerpt;
use bullhorn_socket::endpoint::MAX_UNIX_DATAGRAM;

use super::{Buffers, Connection, MAX_READS, Progress};

// Each fits the buffer of a read.
const _: () = assert!(MAX_UNIX_DATAGRAM <= super::MAX_READ);

impl Connection {
    /// Sends what is unsent, else receives and answers.
    pub(super) fn answer_messages(
        &mut self,
        buffers: &mut Buffers,
        is_draining: bool,
    ) -> io::Result<Progress> {
        for _ in 0..MAX_READS {
            if let Some(unsent) = self.unsent.take() {
                self.send_message(&unsent)?;
            }
            let Buffers { request, answer } = &mut *buffers;
            let request = &mut request[..MAX_UNIX_DATAGRAM];
            let message = match self.socket.receive_message(request) {
                Err(error) if is_draining && error.kind() == io::ErrorKind::WouldBlock => None,
                result => result?,
            };
            let Some(Message { length, is_cut }) = message else {
                self.socket.half_close()?;
                return Ok(Progress::Closed);
            };
            let request = &request[..length];
            if let Some(name) = &self.name {
                tracing::debug!("{name} asks {}", Excerpt(request));
            }
            self.is_active = true;
            self.counters.count_received(length);
            answer.clear();
            if !is_cut {
                capitals::append(request, answer);
            }
            if is_cut || answer.len() > MAX_UNIX_DATAGRAM {
                return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
            }
            self.send_message(answer)?;
        }
        // Whether another message waits is only known once it is received.
        Ok(Progress::Ready)
    }

    /// Sends an answer, or keeps it if the peer does not take it yet.
    fn send_message(&mut self, answer: &[u8]) -> io::Result<()> {
        match self.socket.send_message(answer) {
            Ok(()) => {
                if let Some(name) = &self.name {
                    tracing::debug!("{name} gets {}", Excerpt(answer));
                }
                self.note_written(answer.len());
                Ok(())
            }
            Err(error) => {
                self.unsent = Some(answer.into());
                Err(error)
            }
        }
    }
}
