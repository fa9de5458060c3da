//! Lines over a non-blocking connection: writes what the kernel accepts, returns lines once they
//! are complete. The contents of a line do not matter here.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::AsRawFd;

use crate::socket::Socket;

use super::call::{Excerpt, traced};

/// The most bytes read at once.
pub const READ_SIZE: usize = 65_536;

/// With more bytes unwritten, the peer is not reading, and nothing should be added.
const MAX_UNWRITTEN: usize = 1 << 20;

/// A connection that carries lines, in both directions.
pub struct Lines {
    socket: Socket,
    unwritten: VecDeque<u8>,
    /// Received bytes that were not handed out are from `begin` to `end`.
    received: Vec<u8>,
    begin: usize,
    end: usize,
    /// How far that was searched for line ends, and how many there were.
    searched: usize,
    found: usize,
}

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing yet.
    Nothing,
    /// Some bytes.
    Bytes,
    /// The end of the stream.
    End,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// Takes a connection that does not block.
    pub fn new(socket: Socket) -> Self {
        Self {
            socket,
            unwritten: VecDeque::new(),
            received: Vec::new(),
            begin: 0,
            end: 0,
            searched: 0,
            found: 0,
        }
    }

    /// The connection itself.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Queues `text` and a line end.
    pub fn push(&mut self, text: &[u8]) {
        self.push_bytes(text);
        self.push_bytes(b"\n");
    }

    /// Queues part of a line.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.unwritten.extend(bytes);
    }

    /// Whether bytes wait to be written.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Whether too much waits to be written.
    pub fn is_congested(&self) -> bool {
        self.unwritten.len() >= MAX_UNWRITTEN
    }

    /// Writes what the kernel takes; returns whether it took any.
    pub fn write(&mut self) -> io::Result<bool> {
        let mut has_written = false;
        while !self.unwritten.is_empty() {
            let (bytes, _) = self.unwritten.as_slices();
            let result = self.socket.send(bytes);
            if result.as_ref().is_err_and(is_transient) {
                break;
            }
            let call = format_args!("send({}, {})", self.socket.as_raw_fd(), Excerpt(bytes));
            let written = traced(call, result, |written| *written)?;
            self.unwritten.drain(..written);
            has_written = true;
        }
        Ok(has_written)
    }

    /// Reads once.
    pub fn read(&mut self) -> io::Result<Arrival> {
        self.make_room();
        let room = &mut self.received[self.end..];
        let result = self.socket.recv(room);
        if result.as_ref().is_err_and(is_transient) {
            return Ok(Arrival::Nothing);
        }
        let call = format_args!("recv({})", self.socket.as_raw_fd());
        let length = traced(call, result, |length| {
            format!("{length} {}", Excerpt(&room[..*length]))
        })?;
        self.end += length;
        Ok(match length {
            0 => Arrival::End,
            _ => Arrival::Bytes,
        })
    }

    /// Room for one read. What was not handed out moves at most once, to the beginning; from there
    /// on the buffer grows by doubling, so that a long line costs time in proportion to its length.
    fn make_room(&mut self) {
        if self.begin > 0 {
            self.received.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.searched -= self.begin;
            self.begin = 0;
        }
        if self.received.len() < self.end + READ_SIZE {
            self.received.resize(2 * self.end + READ_SIZE, 0);
        }
    }

    /// The next text that has `line_ends` in it, less the line end behind it, if it has arrived
    /// completely.
    pub fn take(&mut self, line_ends: usize) -> Option<&[u8]> {
        loop {
            let unsearched = &self.received[self.searched..self.end];
            let Some(offset) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.end;
                return None;
            };
            self.searched += offset + 1;
            self.found += 1;
            if self.found > line_ends {
                let begin = std::mem::replace(&mut self.begin, self.searched);
                self.found = 0;
                return Some(&self.received[begin..self.searched - 1]);
            }
        }
    }

    /// The received bytes that were not handed out.
    pub fn rest(&self) -> &[u8] {
        &self.received[self.begin..self.end]
    }

    /// Hands out the first `length` bytes of the [rest](Self::rest).
    pub fn consume(&mut self, length: usize) {
        self.begin += length;
        self.searched = self.begin;
        self.found = 0;
    }
}

/// Whether the same call may succeed later.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn pair() -> (Lines, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (
            Lines::new(Socket::from(std::os::fd::OwnedFd::from(near))),
            far,
        )
    }

    proptest! {
        #[test]
        fn texts_arrive_whole_however_the_stream_is_split(
            texts in proptest::collection::vec("[a\n]{0,9}", 0..40), cut in 1usize..17,
        ) {
            let (mut lines, mut far) = pair();
            let bytes: Vec<u8> = texts.iter().flat_map(|text| [text.as_bytes(), b"\n"].concat()).collect();
            let mut pieces = bytes.chunks(cut);
            for text in &texts {
                let line_ends = text.matches('\n').count();
                let taken = loop {
                    if let Some(taken) = lines.take(line_ends) {
                        break taken.to_vec();
                    }
                    far.write_all(pieces.next().expect("all has come")).unwrap();
                    prop_assert_eq!(lines.read().unwrap(), Arrival::Bytes);
                };
                prop_assert_eq!(taken, text.as_bytes());
            }
            for piece in pieces {
                far.write_all(piece).unwrap();
                lines.read().unwrap();
            }
            prop_assert_eq!(lines.rest(), b"");
            prop_assert_eq!(lines.read().unwrap(), Arrival::Nothing);
            drop(far);
            prop_assert_eq!(lines.read().unwrap(), Arrival::End);
        }
    }
}
