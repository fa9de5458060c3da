//! One worker of one datagram socket: a plain thread that receives a batch, answers it, sends it.
//!
//! No lock and no allocation per datagram; the counters are the worker's own.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::answerer::answer;
use super::kernel_drops::KernelDrops;
use super::receive_errors::ReceiveErrors;
use crate::draining::{DRAIN_TIMEOUT, Draining};
use crate::guard::Filter;
use crate::impair::Link;
use crate::stats::{DropCause, Tally};
use bullhorn_socket::address::Peer;
use bullhorn_socket::batch::{DatagramBackend, Inbox, Outbox};
use bullhorn_socket::call::Excerpt;
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};
use bullhorn_socket::return_path::NotSendersSocket;
use bullhorn_socket::sys::PollSet;

/// How many runs a batch has at most.
pub(super) const MAX_BATCH: usize = 64;

/// The kernel's count of drops wraps around at 2^32; a look after so many batches comes in time.
const BATCHES_PER_KERNEL_DROP_READ: u32 = 1 << 14;

/// A spinning worker looks so often at its socket before it looks at the clock, which takes a good part of
/// the time that a look at an empty socket takes. All of them together take a few microseconds.
const POLLS_PER_CLOCK_READ: u32 = 8;

/// How a worker that waits for datagrams learns that it is to stop.
pub(super) enum Wake {
    /// Its socket is shut down for reading, which ends the wait. For sockets that are ours alone:
    /// a shut-down socket stays so for everyone who shares it.
    Shutdown,
    /// This pipe is closed at its other end. Also for workers that wait for the time as well.
    Pipe(io::PipeReader),
}

pub(super) struct Worker {
    pub(super) endpoint: Endpoint,
    pub(super) socket: Arc<Socket>,
    pub(super) backend: Box<dyn DatagramBackend>,
    pub(super) wake: Wake,
    pub(super) spin: Option<Duration>,
    /// A bad network that the answers go through.
    pub(super) link: Option<Link>,
    pub(super) draining: Arc<Draining>,
    pub(super) tally: Tally,
    pub(super) kernel_drops: Arc<KernelDrops>,
    pub(super) filter: Filter,
    pub(super) receive_errors: ReceiveErrors,
    /// The most bytes that an answer may have.
    pub(super) limit: usize,
}

impl Worker {
    /// Answers until told to stop, then answers what was received before that.
    pub(super) fn run(mut self) {
        let mut inbox = Inbox::new(MAX_BATCH);
        let mut outbox = Outbox::default();
        let mut batches: u32 = 0;
        while !self.draining.has_begun() {
            match self.receive(&mut inbox) {
                Ok(()) => {
                    self.receive_errors.clear();
                    self.answer(&mut inbox, &mut outbox);
                }
                Err(error) => self.pause_after(&error),
            }
            self.send_delayed(false);
            batches = batches.wrapping_add(1);
            if batches.is_multiple_of(BATCHES_PER_KERNEL_DROP_READ) {
                self.kernel_drops.total();
            }
        }
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while Instant::now() < deadline && !self.draining.is_aborted() {
            match self.backend.receive(&mut inbox, false) {
                Ok(()) if inbox.runs().is_empty() => break,
                Ok(()) => self.answer(&mut inbox, &mut outbox),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Something may be there all the same.
                Err(error) => self.pause_after(&error),
            }
        }
        self.send_delayed(true);
    }

    fn receive(&mut self, inbox: &mut Inbox) -> io::Result<()> {
        if let Some(spin) = self.spin.filter(|_| self.link.is_none()) {
            match self.spin(inbox, spin) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
        match &self.wake {
            Wake::Shutdown => self.backend.receive(inbox, true),
            Wake::Pipe(pipe) => match self.backend.receive(inbox, false) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut poll = PollSet::default();
                    poll.add(self.socket.as_fd(), true, false);
                    poll.add(pipe.as_fd(), true, false);
                    let link = self.link.as_ref();
                    poll.wait(link.and_then(|link| link.next_due(Instant::now())))?;
                    self.backend.receive(inbox, false)
                }
                result => result,
            },
        }
    }

    /// Looks for datagrams again and again, and says `WouldBlock` when none came for so long.
    fn spin(&mut self, inbox: &mut Inbox, spin: Duration) -> io::Result<()> {
        let mut begin = None;
        loop {
            for _ in 0..POLLS_PER_CLOCK_READ {
                match self.backend.receive(inbox, false) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        std::hint::spin_loop();
                    }
                    result => return result,
                }
            }
            let begin = begin.get_or_insert_with(Instant::now);
            if begin.elapsed() >= spin || self.draining.has_begun() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    fn pause_after(&mut self, error: &io::Error) {
        let reaction = self.receive_errors.add(error, Instant::now());
        if let Some(times) = reaction.warning {
            let (endpoint, why) = (&self.endpoint, bullhorn_socket::error::plain(error));
            tracing::warn!("{endpoint}: receiving failed: {why}{times}");
        }
        if let Some(pause) = reaction.pause {
            std::thread::sleep(pause);
        }
    }

    fn answer(&mut self, inbox: &mut Inbox, outbox: &mut Outbox) {
        let logged = tracing::enabled!(tracing::Level::DEBUG);
        if logged {
            self.log_requests(inbox);
        }
        answer(inbox, outbox, self.limit, &mut self.filter, &mut self.tally);
        if let Some(link) = &mut self.link {
            self.filter.warn(&self.endpoint, inbox);
            link.take(inbox, outbox, Instant::now(), &mut self.tally);
            return;
        }
        self.backend.send(inbox, outbox);
        let mut tried = 0;
        for answer in &outbox.answers {
            tried += answer.datagrams();
        }
        let mut failed = 0;
        for failure in &outbox.failures {
            failed += failure.datagrams;
            let cause = self.cause_of(&failure.error);
            if cause.advice().is_some() {
                let run = outbox.answers[failure.answer].run;
                self.filter
                    .count_drop(&mut self.tally, cause, failure.datagrams, run);
            } else {
                self.tally.count_drop(cause, failure.datagrams);
            }
        }
        self.filter.warn(&self.endpoint, inbox);
        self.tally.count_answered(tried - failed);
        if logged {
            self.log_answers(inbox, outbox);
        }
    }

    /// Sends what is through the bad network by now, or all that is in it when `flushed`.
    fn send_delayed(&mut self, flushed: bool) {
        let Some(mut link) = self.link.take() else {
            return;
        };
        while link.fill(Instant::now(), flushed) {
            self.backend.send(&link.inbox, &mut link.outbox);
            let is_unix = self.is_unix();
            link.count(&mut self.tally, |error| cause_of(error, is_unix));
            if tracing::enabled!(tracing::Level::DEBUG) {
                self.log_answers(&link.inbox, &link.outbox);
            }
        }
        self.link = Some(link);
    }

    fn cause_of(&self, error: &io::Error) -> DropCause {
        cause_of(error, self.is_unix())
    }

    fn is_unix(&self) -> bool {
        self.endpoint.family() == Some(Family::Unix)
    }

    fn log_requests(&self, inbox: &Inbox) {
        for (index, run) in inbox.runs().iter().enumerate() {
            let peer = Peer(&run.peer, SocketType::Datagram);
            let bytes = inbox.bytes(index);
            if bytes.is_empty() {
                tracing::debug!("{}: {peer} asks \"\"", self.endpoint);
            }
            for segment in bytes.chunks(run.segment_size.max(1)) {
                tracing::debug!("{}: {peer} asks {}", self.endpoint, Excerpt(segment));
            }
        }
    }

    fn log_answers(&self, inbox: &Inbox, outbox: &Outbox) {
        for (index, answer) in outbox.answers.iter().enumerate() {
            let peer = Peer(&inbox.runs()[answer.run].peer, SocketType::Datagram);
            let outcome = match outbox
                .failures
                .iter()
                .find(|failure| failure.answer == index)
            {
                Some(failure) => format!(
                    " (not sent: {})",
                    bullhorn_socket::error::plain(&failure.error)
                ),
                None => String::new(),
            };
            let bytes = outbox.bytes(inbox, answer);
            if bytes.is_empty() {
                tracing::debug!("{}: {peer} gets \"\"{outcome}", self.endpoint);
            }
            for segment in bytes.chunks(answer.segment_size) {
                tracing::debug!(
                    "{}: {peer} gets {}{outcome}",
                    self.endpoint,
                    Excerpt(segment)
                );
            }
        }
    }
}

/// Why an answer was not sent, by the kernel's reason (sendmsg(2), udp(7), unix(7)).
pub(super) fn cause_of(error: &io::Error, is_unix: bool) -> DropCause {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<NotSendersSocket>())
    {
        return DropCause::NotSendersSocket;
    }
    match error.raw_os_error().unwrap_or(0) {
        libc::EACCES if is_unix => DropCause::NotPermitted,
        libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM => DropCause::QueueFull,
        libc::ECONNREFUSED
        | libc::ECONNRESET
        | libc::ENOENT
        | libc::EPIPE
        | libc::ENOTCONN
        | libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::EHOSTDOWN
        | libc::ENETDOWN => DropCause::PeerGone,
        libc::EMSGSIZE => DropCause::AnswerTooLarge,
        _ => DropCause::SendFailed,
    }
}
