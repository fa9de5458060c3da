//! Lines over a connection that does not block: what the kernel takes goes, what has come whole is
//! handed out. What a line says is not known here.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::AsRawFd;

use socket2::Socket;

use super::call::{Excerpt, traced};

/// The most bytes read at once.
pub(crate) const READ_SIZE: usize = 65_536;

/// Beyond this, the peer is not reading, and nothing should be added.
const MOST_UNWRITTEN: usize = 1 << 20;

pub(crate) struct Lines {
    socket: Socket,
    unwritten: VecDeque<u8>,
    received: Vec<u8>,
    /// What is before this was handed out.
    begin: usize,
    /// How far the rest was searched for line ends, and how many there were.
    searched: usize,
    found: usize,
}

/// What came of a look at the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Nothing yet.
    Nothing,
    /// Some bytes.
    Bytes,
    /// The end of the stream.
    End,
}

impl Lines {
    /// Takes a connection that does not block.
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            unwritten: VecDeque::new(),
            received: Vec::new(),
            begin: 0,
            searched: 0,
            found: 0,
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Puts `text` and a line end behind what is to be written.
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.unwritten.extend(text);
        self.unwritten.push_back(b'\n');
    }

    pub(crate) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// More waits to be written than should.
    pub(crate) fn is_congested(&self) -> bool {
        self.unwritten.len() >= MOST_UNWRITTEN
    }

    /// Writes what goes; whether any did.
    pub(crate) fn write(&mut self) -> io::Result<bool> {
        let mut has_written = false;
        while !self.unwritten.is_empty() {
            let (bytes, _) = self.unwritten.as_slices();
            let result = self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
            if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
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
    pub(crate) fn read(&mut self) -> io::Result<Arrival> {
        self.received.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        let old = self.received.len();
        self.received.resize(old + READ_SIZE, 0);
        let result = (&self.socket).read(&mut self.received[old..]);
        let length = result.as_ref().map_or(0, |length| *length);
        self.received.truncate(old + length);
        if matches!(&result, Err(error) if matches!(error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted))
        {
            return Ok(Arrival::Nothing);
        }
        let call = format_args!("recv({})", self.socket.as_raw_fd());
        let length = traced(call, result, |length| {
            format!("{length} {}", Excerpt(&self.received[old..]))
        })?;
        Ok(match length {
            0 => Arrival::End,
            _ => Arrival::Bytes,
        })
    }

    /// The next text that has `line_ends` in it, less the line end behind it, if it has come whole.
    pub(crate) fn take(&mut self, line_ends: usize) -> Option<&[u8]> {
        while self.searched < self.received.len() {
            self.searched += 1;
            if self.received[self.searched - 1] != b'\n' {
                continue;
            }
            self.found += 1;
            if self.found > line_ends {
                let begin = std::mem::replace(&mut self.begin, self.searched);
                self.found = 0;
                return Some(&self.received[begin..self.searched - 1]);
            }
        }
        None
    }

    /// What has come and was not handed out.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.received[self.begin..]
    }
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
        fn texts_come_whole_however_they_are_cut(
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
