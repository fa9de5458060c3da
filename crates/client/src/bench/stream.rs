//! Flows of lines: a connection each. An answer may come in pieces, and a text may go in pieces.

use std::io::{self, Read};
use std::ops::Range;

use socket2::Socket;

use super::ledger::{Books, Ledger};
use super::transport::{Clock, Taken, Transport};

/// The most bytes read at once.
const CHUNK: usize = 128 << 10;

pub(super) struct Streams {
    sockets: Vec<Socket>,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

#[derive(Default)]
struct Connection {
    /// What the kernel did not take yet of a text that was begun.
    unsent: Vec<u8>,
    unsent_begin: usize,
    /// The beginning of an answer that has not come whole, shorter than any whole one.
    partial: Vec<u8>,
    /// The rest of a line that was too long for an answer is passed over.
    skips_line: bool,
}

impl Streams {
    /// Takes connected sockets.
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

    /// Writes what was left over; true when nothing is.
    fn flush(&mut self, place: usize) -> io::Result<bool> {
        let connection = &mut self.connections[place];
        while connection.unsent_begin < connection.unsent.len() {
            let rest = &connection.unsent[connection.unsent_begin..];
            match write(&self.sockets[place], rest)? {
                0 => return Ok(false),
                written => connection.unsent_begin += written,
            }
        }
        connection.unsent.clear();
        connection.unsent_begin = 0;
        Ok(true)
    }
}

/// Writes as much as goes; 0 when nothing goes now.
fn write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match socket.send_with_flags(bytes, libc::MSG_NOSIGNAL) {
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

    fn waits_for_room(&self, place: usize) -> bool {
        !self.connections[place].unsent.is_empty()
    }

    fn send(
        &mut self,
        place: usize,
        ledger: &Ledger,
        amount: usize,
        books: &mut Books,
    ) -> io::Result<usize> {
        if !self.flush(place)? {
            return Ok(0);
        }
        let texts = books.texts.requests(ledger.flow(), ledger.next(), amount);
        let written = write(&self.sockets[place], texts)?;
        if written == 0 {
            return Ok(0);
        }
        // The rest of a text that was begun goes later.
        let length = texts.len() / amount;
        let begun = written.div_ceil(length);
        self.connections[place]
            .unsent
            .extend_from_slice(&texts[written..begun * length]);
        Ok(begun)
    }

    fn receive(
        &mut self,
        place: usize,
        ledger: &mut Ledger,
        books: &mut Books,
        clock: Clock,
    ) -> io::Result<Taken> {
        self.flush(place)?;
        let connection = &mut self.connections[place];
        let begin = connection.partial.len();
        if self.buffer.len() < begin + CHUNK {
            self.buffer.resize(begin + CHUNK, 0);
        }
        self.buffer[..begin].copy_from_slice(&connection.partial);
        let read = (&self.sockets[place]).read(&mut self.buffer[begin..begin + CHUNK])?;
        let now_ns = clock.now_ns();
        if read == 0 {
            return Ok(Taken::Closed);
        }
        let new = begin..begin + read;
        let skips_line = &mut connection.skips_line;
        let rest = settle_lines(ledger, &self.buffer, new, skips_line, now_ns, books);
        connection.partial.clear();
        connection
            .partial
            .extend_from_slice(&self.buffer[rest..begin + read]);
        Ok(Taken::At(now_ns))
    }
}

/// Settles every whole line of what has been read, of which `new` has come just now; returns where
/// the rest begins. A line longer than an answer is settled once, and `skips_line` until its end.
fn settle_lines(
    ledger: &mut Ledger,
    buffer: &[u8],
    new: Range<usize>,
    skips_line: &mut bool,
    now_ns: u64,
    books: &mut Books,
) -> usize {
    let length = books.texts.form.answer_length();
    let most = books.texts.most();
    let mut begin = 0;
    let mut in_order = !*skips_line;
    while begin < new.end {
        let whole = ((new.end - begin) / length).min(most) * length;
        in_order &= whole > 0;
        in_order = in_order && ledger.settle_run(&buffer[begin..begin + whole], now_ns, books);
        if in_order {
            begin += whole;
            continue;
        }
        // What was kept from before has no line end.
        let unread = begin.max(new.start);
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
mod tests {
    use super::*;
    use crate::bench::record::Record;
    use crate::bench::text::{Form, Texts};
    use proptest::prelude::*;

    const REQUESTS: u64 = 12;

    /// What a server may send: a right answer, a wrong line, one longer than any answer.
    #[derive(Clone, Copy, Debug)]
    enum Line {
        Right,
        Short,
        Long,
    }

    /// Reads `bytes` in pieces of `cut` bytes; returns the counts and the most that was kept.
    fn read(ledger: &mut Ledger, books: &mut Books, bytes: &[u8], cut: usize) -> usize {
        let (mut partial, mut skips_line, mut most) = (Vec::new(), false, 0);
        for piece in bytes.chunks(cut) {
            let begin = partial.len();
            let mut buffer = partial;
            buffer.extend(piece);
            let new = begin..buffer.len();
            let rest = settle_lines(ledger, &buffer, new, &mut skips_line, 9, books);
            partial = buffer.split_off(rest);
            most = most.max(partial.len());
        }
        most
    }

    proptest! {
        #[test]
        fn every_line_is_settled_once_however_long_it_is_and_however_it_is_cut(
            lines in prop::collection::vec(
                prop::sample::select(vec![Line::Right, Line::Short, Line::Long]), 1..REQUESTS as usize,
            ),
            cut in 1usize..500,
        ) {
            let form = Form::new(40, None, true);
            let mut books = Books::new(Texts::new(form, 64), Record::new(0, false));
            let mut ledger = Ledger::new(3, 256, 256, false);
            ledger.begin_measuring();
            ledger.note_sent(REQUESTS, 1, std::iter::empty(), &mut books);
            let mut bytes = Vec::new();
            let mut right = 0;
            for (number, line) in (0..).zip(&lines) {
                match line {
                    Line::Right => {
                        bytes.extend(books.texts.answers(3, number, 1));
                        right += 1;
                    }
                    Line::Short => bytes.extend(b"!\n"),
                    Line::Long => bytes.extend([&[b'!'; 300][..], b"\n"].concat()),
                }
            }
            let most = read(&mut ledger, &mut books, &bytes, cut);
            prop_assert!(most < books.texts.form.answer_length());
            let counts = books.record.counts;
            prop_assert_eq!((counts.ok, counts.corrupt), (right, lines.len() as u64 - right));
        }
    }
}
