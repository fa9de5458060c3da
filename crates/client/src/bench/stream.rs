//! Flows of lines, each with a connection. Texts and replies may travel in pieces.

use std::io;
use std::ops::Range;

use bullhorn_socket::Socket;

use super::books::Books;
use super::clock::Clock;
use super::ledger::Ledger;
use super::transport::{Received, Transport};
use crate::ask::proxy_header;

/// The most bytes per read.
const CHUNK: usize = 128 << 10;

pub(super) struct Streams {
    sockets: Vec<Socket>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

#[derive(Default)]
struct Connection {
    /// A text of which the kernel has taken only a part.
    unsent: Vec<u8>,
    unsent_begin: usize,
    /// The beginning of an incomplete reply, shorter than a whole one.
    partial: Vec<u8>,
    /// The rest of a line that is longer than a reply is ignored.
    skips_line: bool,
}

impl Streams {
    /// Flows over connected sockets.
    pub(super) fn new(sockets: Vec<Socket>) -> io::Result<Self> {
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        let connections = sockets.iter().map(|_| Connection::default()).collect();
        Ok(Self {
            sockets,
            connections,
            buffer: Vec::new(),
        })
    }

    /// Writes the rest of a text that was begun; false while the kernel takes no more.
    fn flush(&mut self, index: usize) -> io::Result<bool> {
        let connection = &mut self.connections[index];
        while connection.unsent_begin < connection.unsent.len() {
            let rest = &connection.unsent[connection.unsent_begin..];
            match write(&self.sockets[index], rest)? {
                0 => return Ok(false),
                written => connection.unsent_begin += written,
            }
        }
        connection.unsent.clear();
        connection.unsent_begin = 0;
        Ok(true)
    }
}

/// Writes as much as the kernel takes now, which may be nothing.
fn write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match socket.send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
            result => return result,
        }
    }
}

impl Transport for Streams {
    fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    fn has_offload(&self) -> bool {
        false
    }

    fn waits_for_room(&self, index: usize) -> bool {
        !self.connections[index].unsent.is_empty()
    }

    fn send(
        &mut self,
        index: usize,
        ledger: &Ledger,
        amount: usize,
        books: &mut Books,
    ) -> io::Result<usize> {
        if !self.flush(index)? {
            return Ok(0);
        }
        let texts = books.texts.requests(ledger.flow(), ledger.next(), amount);
        let written = write(&self.sockets[index], texts)?;
        if written == 0 {
            return Ok(0);
        }
        let length = texts.len() / amount;
        let begun = written.div_ceil(length);
        self.connections[index]
            .unsent
            .extend_from_slice(&texts[written..begun * length]);
        Ok(begun)
    }

    fn receive(
        &mut self,
        index: usize,
        ledger: &mut Ledger,
        books: &mut Books,
        clock: Clock,
    ) -> io::Result<Received> {
        self.flush(index)?;
        let connection = &mut self.connections[index];
        let begin = connection.partial.len();
        if self.buffer.len() < begin + CHUNK {
            self.buffer.resize(begin + CHUNK, 0);
        }
        self.buffer[..begin].copy_from_slice(&connection.partial);
        let read = self.sockets[index].recv(&mut self.buffer[begin..begin + CHUNK])?;
        let now_ns = clock.now_ns();
        if read == 0 {
            return Ok(Received::Closed);
        }
        let new = begin..begin + read;
        let skips_line = &mut connection.skips_line;
        let rest = settle_lines(ledger, &self.buffer, new, skips_line, now_ns, books);
        connection.partial.clear();
        connection
            .partial
            .extend_from_slice(&self.buffer[rest..begin + read]);
        Ok(Received::At(now_ns))
    }
}

/// Settles every whole line that was read, of which `new` is new; returns where the rest begins. A
/// line longer than a reply is settled once, and sets `skips_line` until its end.
fn settle_lines(
    ledger: &mut Ledger,
    buffer: &[u8],
    new: Range<usize>,
    skips_line: &mut bool,
    now_ns: u64,
    books: &mut Books,
) -> usize {
    let length = books.texts.form.answer_length();
    let max_run = books.texts.max_run();
    let mut begin = 0;
    let mut in_order = !*skips_line;
    while begin < new.end {
        let whole = ((new.end - begin) / length).min(max_run) * length;
        in_order &= whole > 0;
        in_order = in_order && ledger.settle_run(&buffer[begin..begin + whole], now_ns, books);
        if in_order {
            begin += whole;
            continue;
        }
        let header = proxy_header::arrived(&buffer[begin..new.end]);
        // A partial reply has no line end, but in such a header.
        let unread = new.start.max(begin + header);
        let line_end = buffer[unread..new.end]
            .iter()
            .position(|byte| *byte == b'\n');
        let end = line_end.map_or(new.end, |at| unread + at + 1);
        let is_whole = line_end.is_some();
        if !is_whole && !*skips_line && end - begin < length {
            break;
        }
        if !*skips_line {
            ledger.settle_one(&buffer[begin..end], now_ns, books);
        }
        *skips_line = !is_whole;
        begin = end;
    }
    begin
}

#[cfg(test)]
mod tests;
