//! One connection: bytes in, capitals out, in order, as they come.
//!
//! The buffers belong to the runtime's threads and are lent for the length of one poll, so an idle
//! connection holds none. What the peer does not take is kept, at most the answer to
//! [`FIRST_READ`], and nothing more is read until it is gone: memory is constant and the peer's own
//! sending slows down. The peer's half-close gets all answers and then ours.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::admission::Admitted;
use super::deadlines::Deadlines;
use super::stats::{ConnectionDropCause, StreamCounters};
use super::stream::Draining;
use crate::socket::call::{Excerpt, traced, traced_zero};
use crate::socket::sys;
use crate::uppercase::Remainder;

/// The most bytes taken by one read: enough to make a bulk transfer cheap, and both buffers still
/// stay in a processor's own cache.
const READ_SIZE: usize = SEND_QUEUE as usize / ROOM_FOR_ONE;

/// The most bytes taken by a read while nobody knows whether the peer will take the answer: all
/// that a peer which does not read can make us keep, three times over at the most, as text can
/// grow. Lines come in less, and a bulk transfer soon earns more.
const FIRST_READ: usize = 16 << 10;

/// The most bytes that the kernel is to hold for a peer beside those on their way to it
/// (TCP_NOTSENT_LOWAT, tcp(7)); by itself it takes megabytes for each peer that does not read.
pub(super) const SEND_QUEUE: u32 = 512 << 10;

/// A larger read is this part of what the kernel would still take for the peer: three parts for the
/// growth, and one for what the kernel counts beside the bytes.
const ROOM_FOR_ONE: usize = 4;

struct Buffers {
    request: Box<[u8]>,
    answer: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers {
        request: vec![0; READ_SIZE].into_boxed_slice(),
        answer: Vec::new(),
    });
}

pub(super) struct Connection<S: AsFd> {
    stream: S,
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
    /// What was received before the server was told to stop is the last to be answered.
    draining: bool,
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

impl<S> Connection<S>
where
    S: AsyncRead + AsyncWrite + AsFd + Unpin,
{
    pub(super) fn new(
        stream: S,
        admitted: Admitted,
        name: Option<Box<str>>,
        counters: Arc<StreamCounters>,
    ) -> Self {
        Self {
            stream,
            remainder: Remainder::default(),
            unsent: Vec::new(),
            taken: 0,
            is_bulk: false,
            ended: false,
            draining: false,
            active: false,
            unacknowledged: 0,
            counters,
            name,
            outcome: None,
            _admitted: admitted,
        }
    }

    /// Answers until the peer ends, resets or keeps us waiting, or the server is told to stop.
    pub(super) async fn run(mut self, draining: Arc<Draining>, deadlines: Deadlines) {
        let mut stop = pin!(draining.notify.notified());
        stop.as_mut().enable();
        self.draining = draining.has_begun();
        let mut interval = deadlines.interval(false);
        let mut next_look = pin!(tokio::time::sleep(interval));
        let mut quiet = Duration::ZERO;
        let mut was_blocked = false;
        let mut is_registered = false;
        let outcome = poll_fn(|context| {
            // Each is polled once, to leave the task's waker, and after that only looked at: polling
            // takes a lock, and this is done for every line of every connection.
            if !is_registered {
                self.draining |= stop.as_mut().poll(context).is_ready();
            }
            self.draining |= draining.has_begun();
            if let Poll::Ready(outcome) = self.poll(context) {
                return Poll::Ready(outcome);
            }
            let was_registered = std::mem::replace(&mut is_registered, true);
            let is_blocked = !self.unsent.is_empty();
            let begins_to_wait = is_blocked && !was_blocked;
            was_blocked = is_blocked;
            if begins_to_wait {
                self.unacknowledged = u32::MAX;
                interval = deadlines.interval(true);
                let look = tokio::time::Instant::now() + interval;
                next_look.as_mut().reset(look);
            } else if was_registered && !next_look.is_elapsed() {
                return Poll::Pending;
            }
            while next_look.as_mut().poll(context).is_ready() {
                quiet = match self.has_moved() {
                    true => Duration::ZERO,
                    false => quiet + interval,
                };
                if let Some(cause) = deadlines.missed(is_blocked, quiet) {
                    return Poll::Ready(Outcome::Dropped(cause));
                }
                interval = deadlines.interval(is_blocked);
                let look = tokio::time::Instant::now() + interval;
                next_look.as_mut().reset(look);
            }
            Poll::Pending
        })
        .await;
        self.outcome = Some(outcome);
    }

    /// Whether a byte went in or out since the last look. While an answer waits, that is whether
    /// the peer took any: the kernel asks for more only when a third of its buffer is free, which
    /// may be a megabyte.
    fn has_moved(&mut self) -> bool {
        let mut has_moved = std::mem::take(&mut self.active);
        if !self.unsent.is_empty() {
            let unacknowledged = sys::unacknowledged(&self.stream).unwrap_or(0);
            has_moved |= unacknowledged < self.unacknowledged;
            self.unacknowledged = unacknowledged;
        }
        has_moved
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        let result = loop {
            match self.poll_step(context) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => break Ok(()),
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Pending => return Poll::Pending,
            }
        };
        Poll::Ready(match result {
            Ok(()) => Outcome::Finished,
            Err(error) => {
                if let Some(name) = &self.name {
                    tracing::debug!("{name} is gone: {}", crate::error::plain(&error));
                }
                Outcome::Dropped(cause_of(&error))
            }
        })
    }

    /// Writes what is unsent, else reads and answers. `false` when all is done.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.taken < self.unsent.len() {
            let written = ready!(write(&mut self.stream, context, &self.unsent[self.taken..]))?;
            self.taken += written;
            self.note_written(written);
        }
        // Gives the memory back, as the next answer may be long in coming.
        self.unsent = Vec::new();
        self.taken = 0;
        if self.ended {
            let descriptor = self.stream.as_fd().as_raw_fd();
            let result = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
            traced_zero(format_args!("shutdown({descriptor}, SHUT_WR)"), result)?;
            return Poll::Ready(Ok(false));
        }
        BUFFERS.with_borrow_mut(|buffers| self.poll_answer(context, buffers))
    }

    /// One read and its answer, written as far as the peer takes it.
    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        buffers: &mut Buffers,
    ) -> Poll<io::Result<bool>> {
        let Buffers { request, answer } = buffers;
        let request = &mut request[..self.read_size()];
        let most = request.len();
        let length = ready!(self.read(context, request))?;
        let request = &mut request[..length];
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
            match write(&mut self.stream, context, part) {
                Poll::Ready(Ok(written)) => {
                    if let Some(name) = &self.name {
                        tracing::debug!("{name} gets {}", Excerpt(&part[..written]));
                    }
                    self.note_written(written);
                    *part = &part[written..];
                }
                unwritten => {
                    self.is_bulk = false;
                    self.unsent = parts.concat();
                    return unwritten.map_ok(|_| true);
                }
            }
        }
        self.is_bulk = length == most;
        Poll::Ready(Ok(true))
    }

    /// How much to read at once: in a bulk transfer as much as the peer will surely take the answer
    /// of.
    fn read_size(&self) -> usize {
        match self.is_bulk {
            false => FIRST_READ,
            true => sys::send_room(&self.stream, SEND_QUEUE)
                .map_or(FIRST_READ, |room| (room / ROOM_FOR_ONE).max(FIRST_READ)),
        }
    }

    /// One read; 0 at the end of what is to be answered.
    fn read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let descriptor = self.stream.as_fd().as_raw_fd();
        let result = if self.draining {
            // Asks the kernel itself: the runtime may not know yet that something is there.
            match (&*SockRef::from(&self.stream)).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                result => result,
            }
        } else {
            let mut request = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut request))
                .map(|()| request.filled().len())
        };
        Poll::Ready(traced(
            format_args!("read({descriptor})"),
            result,
            |length| format!("{length} {}", Excerpt(&buffer[..*length])),
        ))
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
fn write<S: AsyncWrite + AsFd + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    let descriptor = stream.as_fd().as_raw_fd();
    let result = ready!(Pin::new(stream).poll_write(context, bytes));
    let call = format_args!("write({descriptor}, {})", Excerpt(bytes));
    match traced(call, result, |written| *written) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        result => Poll::Ready(result),
    }
}

impl<S: AsFd> Drop for Connection<S> {
    /// Counts the connection, also when its task was ended from outside.
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
        // The descriptor is closed right after this, without a word from the runtime.
        let _ = traced_zero(
            format_args!("close({})", self.stream.as_fd().as_raw_fd()),
            Ok(()),
        );
    }
}
