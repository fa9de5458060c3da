//! The contract of datagrams in batches: receive many, answer many.
//!
//! An [`Inbox`] and an [`Outbox`] are plain data; a [`DatagramBackend`] moves them over a socket.
//! The unit is the *run*: one or more datagrams of one flow in one buffer, all of
//! `segment_size` bytes but the last, which may be shorter. A backend without offloads makes runs
//! of one. What the answers contain is up to the server.

use std::fmt;
use std::io;
use std::ops::Range;

use crate::address::Address;

use super::control_message::{PacketInfo, Sender};
use crate::endpoint::MAX_UNIX_DATAGRAM;

/// The most buffers that one call fills or sends.
pub const MAX_BATCH: usize = 64;

/// The bytes of one receive buffer: those of the largest datagram of any family, so that none is
/// truncated.
pub const BUFFER_SIZE: usize = MAX_UNIX_DATAGRAM;

/// The distance from one buffer to the next in bytes. With a power of two, the first lines of all
/// buffers would fall into the same few sets of the processor's caches.
pub(crate) const BUFFER_STRIDE: usize = BUFFER_SIZE + 4096 + 64;

/// Moves batches over one socket.
pub trait DatagramBackend: Send {
    /// Fills `inbox` with at least one run, waiting for the first if `blocking`. An empty inbox
    /// without an error means that a blocking wait was ended by shutting the socket down.
    ///
    /// # Errors
    /// The kernel's; `WouldBlock` when nothing is there and `blocking` is false.
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()>;

    /// Sends every answer, never waiting for a slow peer. What could not be sent is listed in
    /// [`Outbox::failures`], each datagram of it counted; everything else was sent.
    fn send(&mut self, inbox: &Inbox, outbox: &mut Outbox);
}

/// One buffer of received bytes: one datagram, or several of one flow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// Who sent it; without a name for a Unix socket that has none.
    pub peer: Address,
    /// Where it was sent to, on a socket bound to every address.
    pub destination: Option<PacketInfo>,
    /// Bytes in the buffer.
    pub length: usize,
    /// Bytes of each datagram but the last; the length where there is only one.
    pub segment_size: usize,
    /// The datagram was longer than the buffer, and its end is gone (MSG_TRUNC).
    pub truncated: bool,
    /// Control messages were lost (MSG_CTRUNC), so `destination` cannot be trusted. On a Unix
    /// socket only descriptors passed by the sender are lost, which we close anyway.
    pub control_truncated: bool,
    /// The sending process and user as the kernel reports them, on a Unix socket.
    pub sender: Option<Sender>,
}

impl Run {
    /// A complete run of `length` bytes from `peer`, in datagrams of `segment_size` bytes.
    pub fn new(peer: Address, length: usize, segment_size: usize) -> Self {
        Self {
            peer,
            destination: None,
            length,
            segment_size,
            truncated: false,
            control_truncated: false,
            sender: None,
        }
    }

    /// Whether an answer can reach the sender: a Unix socket may have no name.
    pub fn has_return_address(&self) -> bool {
        self.peer.is_reachable()
    }

    /// How many datagrams the run has: at least one, as an empty datagram is one too.
    pub fn datagrams(&self) -> usize {
        datagrams_in(self.length, self.segment_size)
    }
}

/// How many datagrams of `segment_size` bytes `length` bytes make, the last perhaps shorter; an
/// empty datagram is one.
pub(crate) fn datagrams_in(length: usize, segment_size: usize) -> usize {
    // Most buffers have one, and a division takes long.
    if length <= segment_size {
        1
    } else {
        length.div_ceil(segment_size.max(1))
    }
}

/// Received runs and their bytes. The buffers are made once and used again.
pub struct Inbox {
    buffers: Vec<u8>,
    runs: Vec<Run>,
    capacity: usize,
}

impl fmt::Debug for Inbox {
    /// Without the buffers, which are large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("runs", &self.runs)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl Inbox {
    /// Room for `capacity` runs. The pages are untouched, and so cost nothing, until used.
    pub fn new(capacity: usize) -> Self {
        Self {
            buffers: vec![0; capacity * BUFFER_STRIDE],
            runs: Vec::with_capacity(capacity),
            capacity,
        }
    }

    /// The most runs it holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Clears the runs; the buffers stay allocated.
    pub fn clear(&mut self) {
        self.runs.clear();
    }

    /// The runs in the order received.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The bytes of run `index`.
    pub fn bytes(&self, index: usize) -> &[u8] {
        let begin = index * BUFFER_STRIDE;
        &self.buffers[begin..begin + self.runs[index].length]
    }

    /// Each run with its bytes, which may be rewritten in the buffer.
    pub fn runs_mut(&mut self) -> impl Iterator<Item = (&Run, &mut [u8])> {
        self.runs
            .iter()
            .zip(self.buffers.chunks_exact_mut(BUFFER_STRIDE))
            .map(|(run, buffer)| (run, &mut buffer[..run.length]))
    }

    /// The buffer that the next run's bytes go to, for backends; `None` when the inbox is full.
    pub fn free_buffer(&mut self) -> Option<&mut [u8]> {
        let begin = self.runs.len() * BUFFER_STRIDE;
        self.buffers.get_mut(begin..begin + BUFFER_SIZE)
    }

    /// The buffers of the next runs, in order, for backends that fill many at once.
    #[cfg(target_os = "linux")]
    pub(crate) fn free_buffers(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.buffers
            .chunks_exact_mut(BUFFER_STRIDE)
            .skip(self.runs.len())
            .map(|buffer| &mut buffer[..BUFFER_SIZE])
    }

    /// Adds the run whose bytes were put into [`Self::free_buffer`], for backends.
    pub fn push(&mut self, run: Run) {
        debug_assert!(self.runs.len() < self.capacity && run.length <= BUFFER_SIZE);
        self.runs.push(run);
    }
}

/// The buffer that holds the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the buffer of its own run, rewritten there.
    Inbox,
    /// In [`Outbox::grown`].
    Grown,
}

/// One or more datagrams of equal size, the last perhaps shorter, to the peer of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The index of the run that it answers.
    pub run: usize,
    /// Which buffer holds its bytes.
    pub place: Place,
    /// Which bytes of that buffer.
    pub range: Range<usize>,
    /// Bytes of each datagram but the last.
    pub segment_size: usize,
}

impl Answer {
    /// How many datagrams the answer has.
    pub fn datagrams(&self) -> usize {
        datagrams_in(self.range.len(), self.segment_size)
    }
}

/// Datagrams that could not be sent.
#[derive(Debug)]
pub struct Failure {
    /// The index of their answer.
    pub answer: usize,
    /// How many.
    pub datagrams: usize,
    /// The kernel's reason.
    pub error: io::Error,
}

/// Answers on their way out. The vectors are made once and used again.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The bytes of the answers that do not replace their requests.
    pub grown: Vec<u8>,
    /// The answers, in the order they are sent.
    pub answers: Vec<Answer>,
    /// What the last send could not send.
    pub failures: Vec<Failure>,
}

impl Outbox {
    /// Clears everything; the memory stays allocated.
    pub fn clear(&mut self) {
        self.grown.clear();
        self.answers.clear();
        self.failures.clear();
    }

    /// The bytes of an answer.
    pub fn bytes<'a>(&'a self, inbox: &'a Inbox, answer: &Answer) -> &'a [u8] {
        match answer.place {
            Place::Inbox => &inbox.bytes(answer.run)[answer.range.clone()],
            Place::Grown => &self.grown[answer.range.clone()],
        }
    }
}
