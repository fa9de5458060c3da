//! One connection: bytes in, capitals out, in order, as they come.
//!
//! The buffers belong to the event loop ([`super::event_loop`]) and are lent for the length of one turn, so an
//! idle connection holds none. What the peer does not take is kept, at most the answer to
//! [`FIRST_READ`], and nothing more is read until it is gone: memory is constant and the peer's own
//! sending slows down. The peer's half-close gets all answers and then ours.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use capitals::Remainder;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::Socket;

use super::admission::Admitted;
use crate::stats::{ConnectionDropCause, StreamCounters};
use bullhorn_socket::call::{Excerpt, traced, traced_zero};
use bullhorn_socket::sys;

/// The most bytes taken by one read: enough to make a bulk transfer cheap, and both buffers still
/// stay in a processor's own cache.
const READ_SIZE: usize = SEND_QUEUE as usize / ROOM_FOR_ONE;

/// The most bytes taken by a read while nobody knows whether the peer will take the answer: all
/// that a peer which does not read can make us keep, three times over at the most, as text can
/// grow. Lines come in less, and a bulk transfer soon earns more.
pub(super) const FIRST_READ: usize = 16 << 10;

/// The most bytes that the kernel is to hold for a peer beside those on their way to it
/// (TCP_NOTSENT_LOWAT, tcp(7)); by itself it takes megabytes for each peer that does not read.
pub(super) const SEND_QUEUE: u32 = 512 << 10;

/// A larger read is this part of what the kernel would still take for the peer: three parts for the
/// growth, and one for what the kernel counts beside the bytes.
const ROOM_FOR_ONE: usize = 4;

/// So many reads that fill their buffers, and then it is the turn of others.
const READS_IN_A_ROW: usize = 4;

/// For one read and its answer.
pub(super) struct Buffers {
    request: Box<[u8]>,
    answer: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            request: vec![0; READ_SIZE].into_boxed_slice(),
            answer: Vec::new(),
        }
    }
}

/// What comes next on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The peer is to send, or to end. While the server drains: it may have sent more already.
    ToRead,
    /// The peer is to take an answer; nothing is read until then.
    ToWrite,
    /// Nothing: it has come to its end.
    Over,
}

pub(super) struct Connection {
    socket: Socket,
    /// The beginning of a character whose end has not come yet.
    remainder: Remainder,
    /// Answers that the peer has not taken yet.
    unsent: Vec<u8>,
    /// How many bytes of `unsent` it has taken.
    taken: usize,
    /// The last read filled its buffer and the peer took the whole answer.
    is_bulk: bool,
    /// The peer has sent all it will.
    ended: bool,
    /// Whether a byte was read or written since the last look.
    active: bool,
    /// The answers that the kernel held at the last look.
    unacknowledged: u32,
    counters: Arc<StreamCounters>,
    /// Names the endpoint and the peer in the log; absent when nobody reads it.
    name: Option<Box<str>>,
    outcome: Option<Outcome>,
    /// Its place among the connections of the server, held until it is gone.
    _admitted: Admitted,
}

#[derive(Clone, Copy)]
enum Outcome {
    Finished,
    Dropped(ConnectionDropCause),
}

impl Connection {
    /// `socket` does not block.
    pub(super) fn new(
        socket: Socket,
        admitted: Admitted,
        name: Option<Box<str>>,
        counters: Arc<StreamCounters>,
    ) -> Self {
        Self {
            socket,
            remainder: Remainder::default(),
            unsent: Vec::new(),
            taken: 0,
            is_bulk: false,
            ended: false,
            active: false,
            unacknowledged: 0,
            counters,
            name,
            outcome: None,
            _admitted: admitted,
        }
    }

    /// Whether its next turn begins with a read of at most [`FIRST_READ`] bytes.
    pub(super) fn begins_with_read(&self) -> bool {
        self.unsent.is_empty() && !self.ended && !self.is_bulk
    }

    /// One read before its turn.
    pub(super) fn read_ahead(&self, room: &mut [u8; FIRST_READ]) -> io::Result<usize> {
        self.read(room, false)
    }

    /// Writes, reads and answers as far as the kernel lets it, or until it is the turn of others.
    /// What was read ahead stands for the first read. While the server drains, what the kernel has received
    /// is the last to be answered.
    pub(super) fn proceed(
        &mut self,
        buffers: &mut Buffers,
        mut ahead: Option<io::Result<&mut [u8]>>,
        draining: bool,
    ) -> Progress {
        loop {
            let outcome = match self.take_turn(buffers, &mut ahead, draining) {
                Ok(true) => Outcome::Finished,
                Ok(false) => return Progress::ToRead,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock if self.unsent.is_empty() => return Progress::ToRead,
                    io::ErrorKind::WouldBlock => return Progress::ToWrite,
                    _ => {
                        if let Some(name) = &self.name {
                            tracing::debug!(
                                "{name} is gone: {}",
                                bullhorn_socket::error::plain(&error)
                            );
                        }
                        Outcome::Dropped(cause_of(&error))
                    }
                },
            };
            self.outcome = Some(outcome);
            return Progress::Over;
        }
    }

    /// It is to end for `cause`, which is counted when it is dropped.
    pub(super) fn give_up(&mut self, cause: ConnectionDropCause) {
        self.outcome = Some(Outcome::Dropped(cause));
    }

    /// The next [`has_moved`](Self::has_moved) is measured from now.
    pub(super) fn begin_to_wait(&mut self) {
        self.unacknowledged = u32::MAX;
    }

    /// Whether a byte went in or out since the last look. While an answer waits, that is whether
    /// the peer took any: the kernel asks for more only when a third of its buffer is free, which
    /// may be a megabyte.
    pub(super) fn has_moved(&mut self) -> bool {
        let mut has_moved = std::mem::take(&mut self.active);
        if !self.unsent.is_empty() {
            let unacknowledged = sys::unacknowledged(&self.socket).unwrap_or(0);
            has_moved |= unacknowledged < self.unacknowledged;
            self.unacknowledged = unacknowledged;
        }
        has_moved
    }

    /// Writes what is unsent, else reads and answers. `true` when all is done.
    fn take_turn(
        &mut self,
        buffers: &mut Buffers,
        ahead: &mut Option<io::Result<&mut [u8]>>,
        draining: bool,
    ) -> io::Result<bool> {
        let mut reads = 0;
        loop {
            self.write_unsent()?;
            if self.ended {
                let result = self.socket.shutdown(Shutdown::Write);
                let call = format_args!("shutdown({}, SHUT_WR)", self.socket.as_raw_fd());
                traced_zero(call, result)?;
                return Ok(true);
            }
            let Buffers { request, answer } = &mut *buffers;
            let (request, most) = match ahead.take() {
                Some(request) => (request?, FIRST_READ),
                None => {
                    let request = &mut request[..self.read_size()];
                    let most = request.len();
                    let length = self.read(request, draining)?;
                    (&mut request[..length], most)
                }
            };
            let filled = request.len() == most;
            self.answer(request, answer)?;
            self.is_bulk = filled;
            reads += 1;
            let has_more_turn = (draining || self.is_bulk) && reads < READS_IN_A_ROW;
            if !self.ended && !has_more_turn {
                return Ok(false);
            }
        }
    }

    fn write_unsent(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        while self.taken < self.unsent.len() {
            let written = write(&self.socket, &self.unsent[self.taken..])?;
            self.taken += written;
            self.note_written(written);
        }
        // Gives the memory back, as the next answer may be long in coming.
        self.unsent = Vec::new();
        self.taken = 0;
        Ok(())
    }

    /// The answer to one read, written as far as the peer takes it.
    fn answer(&mut self, request: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()> {
        let length = request.len();
        if let Some(name) = &self.name
            && length > 0
        {
            tracing::debug!("{name} asks {}", Excerpt(request));
        }
        answer.clear();
        let in_place = if length == 0 {
            self.ended = true;
            self.remainder.finish(answer);
            0
        } else {
            self.active = true;
            self.counters
                .received_bytes
                .fetch_add(length as u64, Ordering::Relaxed);
            self.remainder.in_place(request, answer)
        };
        let mut parts = [&request[..in_place], answer.as_slice()];
        while let Some(part) = parts.iter_mut().find(|part| !part.is_empty()) {
            match write(&self.socket, part) {
                Ok(written) => {
                    if let Some(name) = &self.name {
                        tracing::debug!("{name} gets {}", Excerpt(&part[..written]));
                    }
                    self.note_written(written);
                    *part = &part[written..];
                }
                Err(error) => {
                    self.is_bulk = false;
                    self.unsent = parts.concat();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// How much to read at once: in a bulk transfer as much as the peer will surely take the answer
    /// of.
    fn read_size(&self) -> usize {
        match self.is_bulk {
            false => FIRST_READ,
            true => sys::send_room(&self.socket, SEND_QUEUE)
                .map_or(FIRST_READ, |room| (room / ROOM_FOR_ONE).max(FIRST_READ)),
        }
    }

    /// One read; 0 at the end of what is to be answered.
    fn read(&self, buffer: &mut [u8], draining: bool) -> io::Result<usize> {
        let result = match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
            Err(Errno::AGAIN) if draining => return Ok(0),
            Err(Errno::AGAIN) => return Err(Errno::AGAIN.into()),
            Err(error) => Err(error.into()),
            Ok((length, _)) => Ok(length),
        };
        let call = format_args!("read({})", self.socket.as_raw_fd());
        traced(call, result, |length| {
            format!("{length} {}", Excerpt(&buffer[..*length]))
        })
    }

    fn note_written(&mut self, bytes: usize) {
        self.active = true;
        self.counters
            .answered_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Why a connection ended, by the kernel's reason: the peer's doing or the network's, or our own.
fn cause_of(error: &io::Error) -> ConnectionDropCause {
    match error.raw_os_error() {
        Some(libc::ENOMEM | libc::ENOBUFS | libc::EIO | libc::EPERM | libc::EACCES) => {
            ConnectionDropCause::SocketFailed
        }
        _ => ConnectionDropCause::PeerReset,
    }
}

/// One write; a stream that takes nothing is as good as closed.
fn write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    let result = match send(socket, bytes, SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN) => return Err(Errno::AGAIN.into()),
        result => result.map_err(io::Error::from),
    };
    let call = format_args!("write({}, {})", socket.as_raw_fd(), Excerpt(bytes));
    match traced(call, result, |written| *written) {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        result => result,
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Connection {
    /// Counts the connection, also when its event loop ends before it.
    fn drop(&mut self) {
        let unsent = (self.unsent.len() - self.taken) as u64;
        self.counters
            .unsent_bytes
            .fetch_add(unsent, Ordering::Relaxed);
        match self.outcome {
            Some(Outcome::Finished) => {
                self.counters.finished.fetch_add(1, Ordering::Relaxed);
            }
            Some(Outcome::Dropped(cause)) => self.counters.count_drop(cause),
            None => self.counters.count_drop(ConnectionDropCause::DrainTimeout),
        }
        // The descriptor is closed right after this.
        let _ = traced_zero(format_args!("close({})", self.socket.as_raw_fd()), Ok(()));
    }
}
