//! Where texts come from: given ones, or lines of a file, pipe or terminal as they appear.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

/// A source of texts that may have to be waited for.
pub trait Texts {
    /// The next text, if it is there.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn next(&mut self) -> io::Result<Next>;

    /// What becomes readable when [`Next::NotYet`] may be over; `None` for a source that never
    /// has to be waited for.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// What a source has to give at this moment.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A text.
    Text(Vec<u8>),
    /// Nothing now; wait until the descriptor is readable.
    NotYet,
    /// Nothing any more.
    End,
}

/// Texts that are there from the beginning.
#[derive(Debug)]
pub struct Given(std::vec::IntoIter<Vec<u8>>);

impl Given {
    /// The texts in this order.
    pub fn new(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(texts.into_iter().collect::<Vec<_>>().into_iter())
    }
}

impl Texts for Given {
    fn next(&mut self) -> io::Result<Next> {
        Ok(self.0.next().map_or(Next::End, Next::Text))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Each line of a source is a text, without its line end (`\n`); the last may lack it.
///
/// Reads only when poll(2) says that something is there, so a slow writer of lines holds up no
/// answer.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Up to here the buffer was given out.
    given: usize,
    /// Up to here it was searched for a line end.
    searched: usize,
    ended: bool,
}

const READ_SIZE: usize = 65_536;

impl<R: Read + AsFd> Lines<R> {
    /// The lines of `source`, which must not buffer on its own, as poll(2) knows nothing of that.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            given: 0,
            searched: 0,
            ended: false,
        }
    }

    /// A line that is whole in the buffer.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        match end {
            Some(offset) => {
                let end = self.searched + offset;
                let line = self.buffer[self.given..end].to_vec();
                self.given = end + 1;
                self.searched = self.given;
                Some(line)
            }
            None => {
                self.searched = self.buffer.len();
                None
            }
        }
    }

    fn take_rest(&mut self) -> Option<Vec<u8>> {
        let rest = self.buffer[self.given..].to_vec();
        self.given = self.buffer.len();
        self.searched = self.given;
        (!rest.is_empty()).then_some(rest)
    }

    fn is_readable(&self) -> io::Result<bool> {
        let mut poll = crate::socket::sys::PollSet::default();
        let place = poll.add(self.source.as_fd(), true, false);
        poll.wait(Some(std::time::Duration::ZERO))?;
        Ok(poll.ready(place).to_read)
    }

    /// One read into the buffer; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.given);
        self.searched -= self.given;
        self.given = 0;
        let old = self.buffer.len();
        self.buffer.resize(old + READ_SIZE, 0);
        let result = self.source.read(&mut self.buffer[old..]);
        self.buffer
            .truncate(old + result.as_ref().map_or(0, |read| *read));
        match result {
            Ok(read) => Ok(read > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl<R: Read + AsFd> Texts for Lines<R> {
    fn next(&mut self) -> io::Result<Next> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Next::Text(line));
            }
            if self.ended {
                return Ok(self.take_rest().map_or(Next::End, Next::Text));
            }
            if !self.is_readable()? {
                return Ok(Next::NotYet);
            }
            self.ended = !self.fill()?;
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.source.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn all(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(bytes).unwrap();
        drop(writer);
        let mut lines = Lines::new(reader);
        let mut texts = Vec::new();
        while let Next::Text(text) = lines.next().unwrap() {
            texts.push(text);
        }
        texts
    }

    #[test]
    fn each_line_is_a_text_and_the_last_needs_no_end() {
        assert_eq!(all(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
        assert_eq!(all(b"a\n"), [b"a"]);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_and_carriage_returns_stay() {
        assert_eq!(all(b"\xff\r\n\0\n"), [&b"\xff\r"[..], b"\0"]);
    }

    #[test]
    fn an_unfinished_line_is_not_yet_a_text() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut lines = Lines::new(reader);
        assert_eq!(lines.next().unwrap(), Next::NotYet);
        writer.write_all(b"ha").unwrap();
        assert_eq!(lines.next().unwrap(), Next::NotYet);
        writer.write_all(b"lf\nwhole\n").unwrap();
        assert_eq!(lines.next().unwrap(), Next::Text(b"half".to_vec()));
        assert_eq!(lines.next().unwrap(), Next::Text(b"whole".to_vec()));
        drop(writer);
        assert_eq!(lines.next().unwrap(), Next::End);
    }
}
