//! One datagram flow with at most one text in flight.
//!
//! A datagram carries no number, so the source port alone pairs an answer with its text: one text at
//! a time, and a flow that had to repeat its text is not used again, as a second answer to it may
//! still arrive. The network may copy a datagram too; so bytes that are not the right answer, but
//! were one to an earlier text, are ignored.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::recent_replies::RecentReplies;
use super::settings::Settings;
use crate::ask::comparison::Comparison;
use crate::ask::flow::{DatagramFlow, Failure};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{PathError, PathOutcome, QueuedError};

/// The most late copies ignored at once, so that a peer that sends only these delays neither the
/// deadline nor other texts.
const MAX_READS: usize = 64;

/// How long after an ICMP error the text is sent again.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// When the kernel has given up on a neighbour that does not answer, and reported it: after three
/// requests, one per second (mcast_solicit and retrans_time_ms in arp(7)), and a moment. With the
/// default settings a text would be given up just before that.
pub(super) const NEIGHBOUR_VERDICT: Range<Duration> =
    Duration::from_millis(2900)..Duration::from_millis(3300);

/// A flow and the text in flight on it.
pub(super) struct RequestFlow {
    flow: DatagramFlow,
    timeout: Duration,
    request: Request,
}

/// A text in flight.
#[derive(Default)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
    comparison: Comparison,
    tries: u32,
    first_sent: Option<Instant>,
    deadline: Option<Instant>,
    /// The kernel had no room for it yet.
    waits_for_room: bool,
    /// What the path last reported about it.
    path_error: Option<PathError>,
    /// About how many tries it has reported something.
    reports: u32,
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

    /// The right answer to it.
    pub(super) fn expected(&self) -> &[u8] {
        self.comparison.expected()
    }

    /// Notes what the path reports, if that is about this text. Returns whether it is.
    fn note(&mut self, queued: &QueuedError) -> bool {
        // A router may send back less than the text, or the text and padding (RFC 4884).
        let length = self.text.len().min(queued.excerpt.len());
        let is_ours = self.text[..length] == queued.excerpt[..length];
        if is_ours {
            self.path_error = Some(queued.error);
            self.reports += 1;
        }
        is_ours
    }

    /// Since it was first sent.
    fn elapsed(&self) -> Duration {
        self.first_sent.map_or(Duration::ZERO, |it| it.elapsed())
    }
}

/// The outcome of a text in flight.
pub(super) enum Progress {
    /// Nothing yet.
    Pending,
    /// The flow may be used again, unless it [has repeated](RequestFlow::has_repeated) its text.
    Settled(Result<Answer>),
}

impl RequestFlow {
    pub(super) fn open(endpoint: &Endpoint, settings: &Settings) -> Result<Self> {
        Ok(Self {
            flow: DatagramFlow::open(endpoint, &settings.connect)?,
            timeout: settings.timeout,
            request: Request::default(),
        })
    }

    /// Accepts a text and sends it for the first time.
    pub(super) fn begin(&mut self, request: Request) -> Progress {
        self.request = Request {
            tries: 0,
            first_sent: None,
            path_error: None,
            reports: 0,
            ..request
        };
        self.send()
    }

    /// Sends the text, for the first time or again.
    fn send(&mut self) -> Progress {
        let request = &mut self.request;
        let now = Instant::now();
        request.first_sent.get_or_insert(now);
        request.deadline = Some(now + self.timeout);
        request.waits_for_room = false;
        let error = loop {
            match self.flow.send(&request.text) {
                Ok(()) => {
                    request.tries += 1;
                    return Progress::Pending;
                }
                // Of an earlier text, or of an attempt that this one replaces anyway.
                Err(Failure::Earlier(queued)) => {
                    request.note(&queued);
                }
                Err(Failure::Call(error)) => break error,
            }
        };
        match error.raw_os_error().unwrap_or(0) {
            libc::EAGAIN => request.waits_for_room = true,
            // The interface's queue is full: the same as lost on the way.
            libc::ENOBUFS | libc::EINTR => request.tries += 1,
            _ => return Progress::Settled(Err(self.failed(Operation::Send, error))),
        }
        Progress::Pending
    }

    /// The socket is ready: sends what waited for room, receives what has arrived.
    pub(super) fn advance(
        &mut self,
        buffer: &mut [u8],
        recent: &RecentReplies,
        retries: u32,
    ) -> Progress {
        if self.request.waits_for_room
            && let settled @ Progress::Settled(_) = self.send()
        {
            return settled;
        }
        for _ in 0..MAX_READS {
            let length = match self.flow.receive(buffer) {
                Ok(Some(length)) => length,
                Ok(None) => return Progress::Pending,
                Err(Failure::Earlier(queued)) => {
                    if self.request.note(&queued)
                        && let settled @ Progress::Settled(_) = self.retry(queued.error, retries)
                    {
                        return settled;
                    }
                    continue;
                }
                Err(Failure::Call(error)) => {
                    return Progress::Settled(Err(self.failed(Operation::Receive, error)));
                }
            };
            let bytes = &buffer[..length];
            if bytes != self.expected() && recent.contains(bytes) {
                tracing::debug!(
                    "{}: ignored a late copy of an earlier answer",
                    self.endpoint()
                );
                continue;
            }
            let request = &self.request;
            let answer = Answer::new(
                &request.text,
                bytes.to_vec(),
                request.elapsed(),
                request.tries,
            );
            let answer = answer.with_path_mtu(request.path_error.and_then(|error| error.mtu));
            return Progress::Settled(Ok(answer));
        }
        Progress::Pending
    }

    /// The timeout has passed: sends again, or gives up after `retries` retries. A text that waits
    /// for room in the peer's queue has not been sent yet, and has the time of all its retries to
    /// be sent.
    pub(super) fn expire(&mut self, retries: u32) -> Progress {
        let request = &self.request;
        let waited = request.elapsed();
        let may_send = if request.waits_for_room {
            waited < self.timeout.saturating_mul(retries.saturating_add(1))
        } else {
            request.tries <= retries
        };
        if may_send {
            return self.send();
        }
        if request.path_error.is_none() && NEIGHBOUR_VERDICT.contains(&waited) {
            let verdict = request.first_sent.map(|it| it + NEIGHBOUR_VERDICT.end);
            self.request.deadline = verdict;
            return Progress::Pending;
        }
        let endpoint = self.endpoint().clone();
        Progress::Settled(Err(match request.path_error {
            Some(error) => Error::Path { endpoint, error },
            None => Error::NoAnswer {
                endpoint,
                tries: request.tries,
                waited: whole_milliseconds(waited),
            },
        }))
    }

    /// The path reports `error` about one try. Another that is in flight, or the next, may fare
    /// better: one that was too big is fragmented from now on, and a route or a server may come
    /// back.
    fn retry(&mut self, error: PathError, retries: u32) -> Progress {
        let request = &self.request;
        let is_last = request.tries > retries;
        match error.outcome() {
            PathOutcome::Unsent => {}
            _ if request.reports < request.tries => return Progress::Pending,
            PathOutcome::TooBig if !is_last => return self.send(),
            _ if !is_last => return self.pause(),
            _ => {}
        }
        let endpoint = self.endpoint().clone();
        Progress::Settled(Err(Error::Path { endpoint, error }))
    }

    /// Sends again soon, though not at once.
    fn pause(&mut self) -> Progress {
        let soon = Instant::now() + ERROR_PAUSE;
        let deadline = &mut self.request.deadline;
        *deadline = deadline.map(|deadline| deadline.min(soon));
        Progress::Pending
    }

    /// Whether a connection is still open, and owes no answer.
    pub(super) fn is_usable(&self, buffer: &mut [u8]) -> bool {
        !self.is_connection() || matches!(self.flow.receive(buffer), Ok(None))
    }

    /// Whether it is a connection, which may end.
    pub(super) fn is_connection(&self) -> bool {
        self.flow.is_connection()
    }

    fn failed(&self, operation: Operation, source: io::Error) -> Error {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let is_end = matches!(source.kind(), BrokenPipe | ConnectionReset | UnexpectedEof);
        if self.is_connection() && is_end {
            let endpoint = self.endpoint().clone();
            return Error::Closed { endpoint };
        }
        Error::socket(operation, self.endpoint(), source)
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        self.flow.endpoint()
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

    /// Whether a second answer to its text may still arrive.
    pub(super) fn has_repeated(&self) -> bool {
        self.request.tries > 1
    }

    /// The right answer to its text.
    pub(super) fn expected(&self) -> &[u8] {
        self.request.expected()
    }

    /// The text, to send it elsewhere.
    pub(super) fn into_request(self) -> Request {
        self.request
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.flow.as_fd()
    }
}

pub(super) fn whole_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis().try_into().unwrap_or(u64::MAX))
}
