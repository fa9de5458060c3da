//! One datagram socket of a client, with at most one text under way.
//!
//! A datagram carries no number, so what pairs an answer with its text is the source port alone:
//! one text at a time, and a socket that had to repeat its text is not used again, as a second
//! answer to it may still be coming. The network may also copy a datagram by itself; so bytes that
//! are no right answer but were one to an earlier text are passed over.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::answer::Answer;
use super::settled::Settled;
use crate::ask::comparison::Comparison;
use bullhorn_socket::call::{Excerpt, traced};
use bullhorn_socket::connect;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::stop::Stop;

/// How many late copies are passed over at once, so that a peer that sends nothing else holds up
/// neither the deadline nor other texts.
const MAX_READS: usize = 64;

pub(super) struct Flow {
    socket: Socket,
    endpoint: Endpoint,
    timeout: Duration,
    request: Request,
}

/// A text under way.
#[derive(Default)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
    comparison: Comparison,
    tries: u32,
    first_sent: Option<Instant>,
    deadline: Option<Instant>,
    /// The kernel had no room for it; it is sent when there is.
    waits_for_room: bool,
}

impl Request {
    pub(super) fn new(number: u64, text: Vec<u8>) -> Self {
        Self {
            number,
            comparison: Comparison::with_datagram(&text),
            text,
            ..Self::default()
        }
    }
}

/// What became of a text under way.
pub(super) enum Progress {
    /// Nothing yet.
    UnderWay,
    /// The flow may be used again, unless it [has repeated](Flow::has_repeated) its text.
    Settled(Result<Answer>),
}

impl Flow {
    pub(super) fn open(endpoint: &Endpoint, timeout: Duration, stop: &Stop) -> Result<Self> {
        let socket = connect(endpoint, timeout, stop)?;
        Ok(Self {
            socket,
            endpoint: endpoint.clone(),
            timeout,
            request: Request::default(),
        })
    }

    /// Takes on a text and sends it for the first time.
    pub(super) fn begin(&mut self, request: Request) -> Progress {
        self.request = request;
        self.request.tries = 0;
        self.request.first_sent = None;
        self.send()
    }

    /// Sends the text, for the first time or again.
    fn send(&mut self) -> Progress {
        let request = &mut self.request;
        let now = Instant::now();
        request.first_sent.get_or_insert(now);
        request.deadline = Some(now + self.timeout);
        let call = format_args!(
            "send({}, {})",
            self.socket.as_raw_fd(),
            Excerpt(&request.text)
        );
        let result = traced(call, self.socket.send(&request.text), |sent| *sent);
        request.waits_for_room = false;
        match result {
            Ok(_) => request.tries += 1,
            Err(error) => match error.raw_os_error().unwrap_or(0) {
                libc::EAGAIN => request.waits_for_room = true,
                // The interface's queue is full: as good as lost on the way.
                libc::ENOBUFS | libc::EINTR => request.tries += 1,
                _ => return Progress::Settled(Err(self.failed(Operation::Send, error))),
            },
        }
        Progress::UnderWay
    }

    /// The socket is ready: sends what waited for room, takes what has come.
    pub(super) fn advance(&mut self, buffer: &mut [u8], settled: &Settled) -> Progress {
        if self.request.waits_for_room
            && let settled @ Progress::Settled(_) = self.send()
        {
            return settled;
        }
        for _ in 0..MAX_READS {
            let result = (&self.socket).read(buffer);
            let received = match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::UnderWay;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => traced(
                    format_args!("recv({})", self.socket.as_raw_fd()),
                    result,
                    |length| format!("{length} {}", Excerpt(&buffer[..*length])),
                ),
            };
            let length = match received {
                Ok(length) => length,
                Err(error) => {
                    return Progress::Settled(Err(self.failed(Operation::Receive, error)));
                }
            };
            let bytes = &buffer[..length];
            let is_right = bytes == self.expected();
            if !is_right && settled.contains(bytes) {
                tracing::debug!(
                    "{}: passed over a late copy of an earlier answer",
                    self.endpoint
                );
                continue;
            }
            let request = &self.request;
            let round_trip = request
                .first_sent
                .map_or(Duration::ZERO, |sent| sent.elapsed());
            let answer = Answer::new(&request.text, bytes.to_vec(), round_trip, request.tries);
            return Progress::Settled(Ok(answer));
        }
        Progress::UnderWay
    }

    /// The time is up: sends again, or gives up after `retries` repetitions. A text that waits for
    /// room in the peer's queue was not sent yet, and has the time of all its repetitions.
    pub(super) fn expire(&mut self, retries: u32) -> Progress {
        let request = &self.request;
        let waited = request
            .first_sent
            .map_or(Duration::ZERO, |sent| sent.elapsed());
        let may_send = if request.waits_for_room {
            waited < self.timeout.saturating_mul(retries.saturating_add(1))
        } else {
            request.tries <= retries
        };
        if may_send {
            return self.send();
        }
        Progress::Settled(Err(Error::NoAnswer {
            endpoint: self.endpoint.clone(),
            tries: request.tries,
            waited: whole_milliseconds(waited),
        }))
    }

    fn failed(&self, operation: Operation, source: io::Error) -> Error {
        Error::socket(operation, &self.endpoint, source)
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.request.deadline
    }

    pub(super) fn waits_for_room(&self) -> bool {
        self.request.waits_for_room
    }

    pub(super) fn number(&self) -> u64 {
        self.request.number
    }

    /// Whether a second answer to its text may still be coming.
    pub(super) fn has_repeated(&self) -> bool {
        self.request.tries > 1
    }

    /// The right answer to its text.
    pub(super) fn expected(&self) -> &[u8] {
        self.request.comparison.expected()
    }

    /// The text, to be sent elsewhere.
    pub(super) fn into_request(self) -> Request {
        self.request
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

pub(super) fn whole_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis().try_into().unwrap_or(u64::MAX))
}
