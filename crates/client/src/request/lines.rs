//! The lines of a file, pipe or terminal, as they appear.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use super::texts::{Next, Texts};
use bullhorn_socket::PollSet;
use bullhorn_socket::endpoint::MAX_LINE;
use bullhorn_socket::lines::READ_SIZE;

/// Each line of a source is a text, without its line end (`\n`), which the last may lack.
///
/// Reads only when ppoll(2) reports data, so a slow writer of lines does not delay answers. No more
/// than the limit of a line that is too long is kept in memory.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Up to here the buffer has been taken.
    taken: usize,
    /// Up to here it has been searched for a line end.
    searched: usize,
    /// How many bytes of a line that is too long were skipped, until its end is found.
    skipped: Option<usize>,
    ended: bool,
}

impl<R: Read + AsFd> Lines<R> {
    /// The lines of `source`, which must not have a buffer, as ppoll(2) cannot see into it.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            taken: 0,
            searched: 0,
            skipped: None,
            ended: false,
        }
    }

    /// The next line, or the end, if it is in the buffer.
    fn take_next(&mut self, limit: usize) -> io::Result<Option<Next>> {
        if let Some(skipped) = self.skipped {
            self.skip(skipped)?;
        }
        let end = self.find_end();
        let length = end.unwrap_or(self.buffer.len()) - self.taken;
        Ok(match end {
            _ if length > limit => {
                self.drop_until(end);
                self.skipped = end.is_none().then_some(0);
                Some(Next::TooLong)
            }
            Some(end) => Some(Next::Text(self.take(end))),
            None if self.ended && length > 0 => Some(Next::Text(self.take(self.buffer.len()))),
            None if self.ended => Some(Next::End),
            _ => None,
        })
    }

    /// The end of the first line in the buffer.
    fn find_end(&mut self) -> Option<usize> {
        let unsearched = &self.buffer[self.searched..];
        let end = unsearched.iter().position(|byte| *byte == b'\n');
        let end = end.map(|offset| self.searched + offset);
        self.searched = end.unwrap_or(self.buffer.len());
        end
    }

    /// Takes the line up to `end`, and the line end there. A long one is not copied.
    fn take(&mut self, end: usize) -> Vec<u8> {
        let after = self.buffer.len().min(end + 1);
        let line = if self.taken == 0 && end > READ_SIZE {
            let rest = self.buffer.split_off(after);
            let mut line = std::mem::replace(&mut self.buffer, rest);
            line.truncate(end);
            self.searched = 0;
            return line;
        } else {
            self.buffer[self.taken..end].to_vec()
        };
        self.taken = after;
        self.searched = after;
        line
    }

    /// Drops what has arrived of a line that is too long, after `skipped` bytes of it.
    ///
    /// # Errors
    /// When it exceeds [`MAX_LINE`] bytes, as it may be endless.
    fn skip(&mut self, skipped: usize) -> io::Result<()> {
        let end = self.find_end();
        let length = skipped + end.unwrap_or(self.buffer.len()) - self.taken;
        if length > MAX_LINE {
            return Err(io::Error::other(format!(
                "no line end within {MAX_LINE} bytes"
            )));
        }
        self.drop_until(end);
        self.skipped = end.is_none().then_some(length);
        Ok(())
    }

    /// Drops the line that ends at `end`, or everything.
    fn drop_until(&mut self, end: Option<usize>) {
        self.taken = end.map_or(self.buffer.len(), |end| end + 1);
        self.searched = self.taken;
    }

    fn is_readable(&self) -> io::Result<bool> {
        let mut poll = PollSet::default();
        let entry = poll.add(self.source.as_fd(), true, false);
        poll.wait(Some(std::time::Duration::ZERO))?;
        Ok(poll.ready(entry).to_read)
    }

    /// One read into the buffer; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
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
    /// Reads at most once, so that an endless source does not delay anything else.
    fn next(&mut self, limit: usize) -> io::Result<Next> {
        if let Some(next) = self.take_next(limit)? {
            return Ok(next);
        }
        if !self.is_readable()? {
            return Ok(Next::NotYet);
        }
        self.ended = !self.fill()?;
        Ok(self.take_next(limit)?.unwrap_or(Next::NotYet))
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
        while let Next::Text(text) = lines.next(MAX_LINE).unwrap() {
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
    fn bytes_that_are_not_text_and_carriage_returns_stay() {
        assert_eq!(all(b"\xff\r\n\0\n"), [&b"\xff\r"[..], b"\0"]);
    }

    #[test]
    fn an_unfinished_line_is_not_yet_a_text() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut lines = Lines::new(reader);
        assert_eq!(lines.next(MAX_LINE).unwrap(), Next::NotYet);
        writer.write_all(b"ha").unwrap();
        assert_eq!(lines.next(MAX_LINE).unwrap(), Next::NotYet);
        writer.write_all(b"lf\nwhole\n").unwrap();
        assert_eq!(lines.next(MAX_LINE).unwrap(), Next::Text(b"half".to_vec()));
        assert_eq!(lines.next(MAX_LINE).unwrap(), Next::Text(b"whole".to_vec()));
        drop(writer);
        assert_eq!(lines.next(MAX_LINE).unwrap(), Next::End);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_not_kept() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut lines = Lines::new(reader);
        let long = vec![b'x'; READ_SIZE / 2];
        writer.write_all(b"long\nshort\n").unwrap();
        assert_eq!(lines.next(3).unwrap(), Next::TooLong);
        assert_eq!(lines.next(5).unwrap(), Next::Text(b"short".to_vec()));
        writer.write_all(b"no end").unwrap();
        assert_eq!(lines.next(5).unwrap(), Next::TooLong);
        for _ in 0..20 {
            writer.write_all(&long).unwrap();
            assert_eq!(lines.next(5).unwrap(), Next::NotYet);
        }
        assert!(lines.buffer.capacity() < 4 * READ_SIZE);
        writer.write_all(b"\nlast").unwrap();
        drop(writer);
        assert_eq!(lines.next(5).unwrap(), Next::NotYet);
        assert_eq!(lines.next(5).unwrap(), Next::Text(b"last".to_vec()));
        assert_eq!(lines.next(5).unwrap(), Next::End);
    }
}
