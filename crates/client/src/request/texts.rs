//! Where texts come from.

use std::io;
use std::os::fd::BorrowedFd;

/// A source of texts that may have to be waited for.
pub trait Texts {
    /// The next text, if it is available. One of more than `limit` bytes is not returned.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn next(&mut self, limit: usize) -> io::Result<Next>;

    /// What becomes readable when there may be more after [`Next::NotYet`]; `None` for a source that
    /// never has to be waited for.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// What a source has at the moment.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// A text.
    Text(Vec<u8>),
    /// A text longer than the limit, which is skipped.
    TooLong,
    /// Nothing yet; wait until the descriptor is readable.
    NotYet,
    /// No more.
    End,
}

/// Texts that are all known in advance.
#[derive(Debug)]
pub struct TextList(std::vec::IntoIter<Vec<u8>>);

impl TextList {
    /// The texts in this order.
    pub fn new(texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(texts.into_iter().collect::<Vec<_>>().into_iter())
    }
}

impl Texts for TextList {
    fn next(&mut self, limit: usize) -> io::Result<Next> {
        Ok(match self.0.next() {
            Some(text) if text.len() > limit => Next::TooLong,
            Some(text) => Next::Text(text),
            None => Next::End,
        })
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
