//! What the peers of several connections have sent, read before the first of these takes its turn.
//!
//! Reading from several and then writing to all of them takes 2 % less CPU time for a line than one
//! after the other, as the kernel's code for either stays in the CPU's cache.

use std::io;

use super::connection::{Connection, FIRST_READ};

/// How many connections are read from together. More gained no more.
pub(super) const TOGETHER: usize = 8;

/// A connection's key, and the result of its read; `None` where its turn begins with something else.
type Read<T> = (usize, Option<io::Result<T>>);

/// The reads of at most [`TOGETHER`] connections, one after the other.
pub(super) struct ReadAhead {
    bytes: Box<[u8]>,
    used: usize,
    lengths: Vec<Read<usize>>,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self {
            bytes: vec![0; TOGETHER * FIRST_READ].into_boxed_slice(),
            used: 0,
            lengths: Vec::with_capacity(TOGETHER),
        }
    }
}

impl ReadAhead {
    /// Reads from a connection if its turn begins with that.
    pub(super) fn read(&mut self, key: usize, connection: &mut Connection, is_draining: bool) {
        let mut length = None;
        if connection.begins_with_read()
            && let Some(room) = self.bytes[self.used..].first_chunk_mut()
        {
            let result = connection.read_ahead(room, is_draining);
            self.used += result.as_ref().map_or(0, |length| *length);
            length = Some(result);
        }
        self.lengths.push((key, length));
    }

    /// Takes everything that was read, in the order of the calls of [`read`](Self::read).
    pub(super) fn take(&mut self) -> impl Iterator<Item = Read<&mut [u8]>> {
        self.used = 0;
        let mut rest = &mut self.bytes[..];
        self.lengths.drain(..).map(move |(key, length)| {
            let bytes = length.map(|length| {
                length.map(|length| {
                    let (bytes, after) = std::mem::take(&mut rest).split_at_mut(length);
                    rest = after;
                    bytes
                })
            });
            (key, bytes)
        })
    }
}
