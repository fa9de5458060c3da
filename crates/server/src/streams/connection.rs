//! One connection: bytes in, capitals out, in order, as they come.
//!
//! The buffers belong to the event loop and are lent for one turn, so an idle connection holds
//! none. What the peer does not take is kept, at most the answer to [`FIRST_READ`] bytes, and
//! nothing more is read until it is sent: memory is constant and the peer has to send more slowly.
//! After the peer's half-close it gets all answers, then our FIN. Over a connection that carries
//! messages, each is answered by one ([`messages`]).

mod messages;

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use capitals::Remainder;

use super::admission::Admitted;
use super::connection_counters::ConnectionCounters;
use super::stream_socket::{Received, StreamSocket};
use crate::stats::ConnectionDropCause;
use bullhorn_socket::call::Excerpt;
use bullhorn_socket::error::plain;

/// The most bytes taken by one read: enough to make a bulk transfer cheap, and both buffers still
/// fit into a CPU's own cache.
const MAX_READ: usize = SEND_QUEUE as usize / SEND_QUEUE_PARTS;

/// The most bytes taken by a read while it is unknown whether the peer takes the answer. A peer
/// that does not read can make us keep three times as much, as text can grow. Lines are shorter,
/// and a bulk transfer soon gets larger reads.
pub(super) const FIRST_READ: usize = 16 << 10;

/// The most bytes that the kernel holds for a peer beside those on their way to it
/// (TCP_NOTSENT_LOWAT, tcp(7)); its default is megabytes for each peer that does not read.
pub(super) const SEND_QUEUE: u32 = 512 << 10;

/// A larger read is this part of what the kernel would still take for the peer: three parts for the
/// growth of the text, and one for what the kernel counts beside the bytes.
const SEND_QUEUE_PARTS: usize = 4;

/// Reads in one turn, after which other connections have theirs.
const MAX_READS: usize = 4;

/// For one read and its answer.
pub(super) struct Buffers {
    request: Box<[u8]>,
    answer: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            request: vec![0; MAX_READ].into_boxed_slice(),
            answer: Vec::new(),
        }
    }
}

/// What a connection needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Another turn: the kernel may hold more from the peer.
    Ready,
    /// An event: the peer has to send, or to close.
    WaitsToRead,
    /// An event: the peer has to take an answer. Nothing is read until then.
    WaitsToWrite,
    /// Nothing: it is closed.
    Closed,
}

pub(super) struct Connection {
    socket: StreamSocket,
    /// The beginning of a character whose end has not come yet.
    remainder: Remainder,
    /// Answers that the peer has not taken yet, a message of which may be empty.
    unsent: Option<Box<[u8]>>,
    /// How many bytes of `unsent` it has taken.
    taken: usize,
    /// The last read filled its buffer and the peer took the whole answer.
    is_bulk: bool,
    /// The kernel may hold more after a read that does not fill its buffer.
    reads_until_empty: bool,
    /// The peer has half-closed, and everything it sent is read.
    has_ended: bool,
    /// Whether a byte was read or written since the last check.
    is_active: bool,
    /// The answers that the kernel held at the last check.
    unacknowledged: u32,
    counters: ConnectionCounters,
    /// Names the endpoint and the peer in the log; absent when it is not logged.
    name: Option<Box<str>>,
    outcome: Option<Outcome>,
    /// Its permit, held until it is gone.
    _admitted: Admitted,
}

#[derive(Clone, Copy)]
enum Outcome {
    Finished,
    Dropped(ConnectionDropCause),
}

impl Connection {
    pub(super) fn new(
        socket: StreamSocket,
        admitted: Admitted,
        name: Option<Box<str>>,
        counters: ConnectionCounters,
    ) -> Self {
        Self {
            socket,
            remainder: Remainder::default(),
            unsent: None,
            taken: 0,
            is_bulk: false,
            reads_until_empty: false,
            has_ended: false,
            is_active: false,
            unacknowledged: 0,
            counters,
            name,
            outcome: None,
            _admitted: admitted,
        }
    }

    /// An event reported that the peer has closed, or that it has sent urgent data. The kernel
    /// reports neither again, so a read that does not fill its buffer is not the last.
    pub(super) fn read_until_empty(&mut self) {
        self.reads_until_empty = true;
    }

    /// Whether its next turn begins with a read of at most [`FIRST_READ`] bytes.
    pub(super) fn begins_with_read(&self) -> bool {
        self.unsent.is_none() && !self.has_ended && !self.is_bulk && !self.socket.has_messages()
    }

    /// One read before its turn.
    pub(super) fn read_ahead(
        &mut self,
        buffer: &mut [u8; FIRST_READ],
        is_draining: bool,
    ) -> io::Result<usize> {
        self.read(buffer, is_draining)
    }

    /// Takes a turn: writes, reads and answers until the kernel has nothing more, or until it is
    /// the turn of others. `ahead` replaces the first read. While the server drains, what the
    /// kernel has received is the last to be answered.
    pub(super) fn proceed(
        &mut self,
        buffers: &mut Buffers,
        mut ahead: Option<io::Result<&mut [u8]>>,
        is_draining: bool,
    ) -> Progress {
        loop {
            let error = match self.take_turn(buffers, &mut ahead, is_draining) {
                Ok(Progress::Closed) => {
                    self.outcome = Some(Outcome::Finished);
                    return Progress::Closed;
                }
                Ok(progress) => return progress,
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock if self.unsent.is_none() => {
                    self.reads_until_empty = false;
                    return Progress::WaitsToRead;
                }
                io::ErrorKind::WouldBlock => return Progress::WaitsToWrite,
                _ => {
                    if let Some(name) = &self.name {
                        tracing::debug!("{name} is gone: {}", plain(&error));
                    }
                    self.outcome = Some(Outcome::Dropped(cause_of(&error)));
                    return Progress::Closed;
                }
            }
        }
    }

    /// Marks it to be dropped for `cause`.
    pub(super) fn give_up(&mut self, cause: ConnectionDropCause) {
        self.outcome = Some(Outcome::Dropped(cause));
    }

    /// The next [`has_moved`](Self::has_moved) is measured from now.
    pub(super) fn begin_to_wait(&mut self) {
        self.unacknowledged = u32::MAX;
    }

    /// Whether a byte went in or out since the last check. While an answer waits, that is whether
    /// the peer took any: the kernel asks for more only when a third of its buffer is free, which
    /// may be a megabyte.
    pub(super) fn has_moved(&mut self) -> bool {
        let mut has_moved = std::mem::take(&mut self.is_active);
        if self.unsent.is_some() {
            let unacknowledged = self.socket.unacknowledged();
            has_moved |= unacknowledged < self.unacknowledged;
            self.unacknowledged = unacknowledged;
        }
        has_moved
    }

    /// Writes what is unsent, else reads and answers.
    fn take_turn(
        &mut self,
        buffers: &mut Buffers,
        ahead: &mut Option<io::Result<&mut [u8]>>,
        is_draining: bool,
    ) -> io::Result<Progress> {
        if self.socket.has_messages() {
            return self.answer_messages(buffers, is_draining);
        }
        for _ in 0..MAX_READS {
            self.write_unsent()?;
            if self.has_ended {
                self.socket.half_close()?;
                return Ok(Progress::Closed);
            }
            let Buffers { request, answer } = &mut *buffers;
            let (request, room) = match ahead.take() {
                Some(request) => (request?, FIRST_READ),
                None => {
                    let request = &mut request[..self.read_size()];
                    let room = request.len();
                    let length = self.read(request, is_draining)?;
                    (&mut request[..length], room)
                }
            };
            let fills_room = request.len() == room;
            self.answer(request, answer)?;
            self.is_bulk = fills_room;
            if self.has_ended {
                self.socket.half_close()?;
                return Ok(Progress::Closed);
            }
            if !(fills_room || is_draining || self.reads_until_empty) {
                return Ok(Progress::WaitsToRead);
            }
        }
        Ok(Progress::Ready)
    }

    fn write_unsent(&mut self) -> io::Result<()> {
        while let Some(unsent) = &self.unsent
            && self.taken < unsent.len()
        {
            let written = self.socket.write(&unsent[self.taken..])?;
            self.taken += written;
            self.note_written(written);
        }
        // Frees the memory, as the next answer may take long to come.
        self.unsent = None;
        self.taken = 0;
        Ok(())
    }

    /// Answers one read, and writes as much of it as the peer takes.
    fn answer(&mut self, request: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()> {
        let length = request.len();
        if let Some(name) = &self.name
            && length > 0
        {
            tracing::debug!("{name} asks {}", Excerpt(request));
        }
        answer.clear();
        let in_place = if length == 0 {
            self.has_ended = true;
            self.remainder.finish(answer);
            0
        } else {
            self.is_active = true;
            self.counters.count_received(length);
            self.remainder.in_place(request, answer)
        };
        let mut parts = [&request[..in_place], answer.as_slice()];
        while let Some(part) = parts.iter_mut().find(|part| !part.is_empty()) {
            match self.socket.write(part) {
                Ok(written) => {
                    if let Some(name) = &self.name {
                        tracing::debug!("{name} gets {}", Excerpt(&part[..written]));
                    }
                    self.note_written(written);
                    *part = &part[written..];
                }
                Err(error) => {
                    self.is_bulk = false;
                    self.unsent = Some(parts.concat().into_boxed_slice());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// How much to read at once: in a bulk transfer as much as the peer is sure to take the answer of.
    fn read_size(&self) -> usize {
        match self.is_bulk {
            false => FIRST_READ,
            true => self
                .socket
                .send_room(SEND_QUEUE)
                .map_or(FIRST_READ, |room| (room / SEND_QUEUE_PARTS).max(FIRST_READ)),
        }
    }

    /// One read; 0 at the end of what is to be answered.
    fn read(&mut self, buffer: &mut [u8], is_draining: bool) -> io::Result<usize> {
        let received = match self.socket.read(buffer) {
            Err(error) if is_draining && error.kind() == io::ErrorKind::WouldBlock => {
                Received::default()
            }
            result => result?,
        };
        self.reads_until_empty |= received.is_cut;
        Ok(received.length)
    }

    fn note_written(&mut self, bytes: usize) {
        self.is_active = true;
        self.counters.count_answered(bytes);
    }
}

/// Why a connection ended: because of the peer, the network or us.
fn cause_of(error: &io::Error) -> ConnectionDropCause {
    match error.raw_os_error() {
        Some(libc::EMSGSIZE) => ConnectionDropCause::MessageTooLarge,
        Some(libc::ENOMEM | libc::ENOBUFS | libc::EIO | libc::EPERM | libc::EACCES) => {
            ConnectionDropCause::SocketFailed
        }
        _ => ConnectionDropCause::PeerReset,
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl Drop for Connection {
    /// Counts the connection, also when its event loop ends before it does.
    fn drop(&mut self) {
        let unsent = self.unsent.as_ref().map_or(0, |unsent| unsent.len());
        self.counters.count_unsent(unsent - self.taken);
        match self.outcome {
            Some(Outcome::Finished) => self.counters.count_finished(),
            Some(Outcome::Dropped(cause)) => self.counters.count_drop(cause),
            None => self.counters.count_drop(ConnectionDropCause::DrainTimeout),
        }
    }
}
