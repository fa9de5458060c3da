//! One worker of one datagram socket: a plain thread that receives a batch, answers it, sends it.
//!
//! No lock and no allocation per datagram; the counters are the worker's own.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bullhorn_socket::Socket;

use super::answerer::Answerer;
use super::kernel_drops::KernelDrops;
use super::log;
use super::receive_errors::ReceiveErrors;
use super::send_errors::cause_of;
use crate::draining::{DRAIN_TIMEOUT, Draining};
use crate::impair::Link;
use bullhorn_socket::PollSet;
use bullhorn_socket::datagrams::{DatagramBackend, Inbox, MAX_BATCH, Outbox};
use bullhorn_socket::endpoint::{Endpoint, Family};

/// The kernel's count of drops wraps at 2^32; reading it this often is enough.
const BATCHES_PER_KERNEL_DROP_READ: u32 = 1 << 14;

/// Polls of the socket per reading of the clock while busy-polling. Reading the clock takes a good part
/// of the time of a poll that finds nothing; this many polls take a few microseconds.
const POLLS_PER_CLOCK_READ: u32 = 8;

/// What wakes a worker that waits for datagrams when the server stops.
pub(super) enum Wake {
    /// Its socket is shut down for reading, which ends the wait. Only for sockets that no other
    /// process shares: a shutdown affects all of them.
    Shutdown,
    /// The other end of this pipe is closed. Also for workers that wait with a timeout.
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
    pub(super) kernel_drops: Arc<KernelDrops>,
    pub(super) answerer: Answerer,
    pub(super) receive_errors: ReceiveErrors,
}

impl Worker {
    /// Answers until the server stops, then answers what was received before that.
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
                // Datagrams may still be waiting.
                Err(error) => self.pause_after(&error),
            }
        }
        self.send_delayed(true);
    }

    fn receive(&mut self, inbox: &mut Inbox) -> io::Result<()> {
        if let Some(spin) = self.spin.filter(|_| self.link.is_none()) {
            match self.busy_poll(inbox, spin) {
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

    /// Busy-polls for the duration of `spin`; `WouldBlock` when nothing came.
    fn busy_poll(&mut self, inbox: &mut Inbox, spin: Duration) -> io::Result<()> {
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
        if let Some(repeats) = reaction.warning {
            let (endpoint, why) = (&self.endpoint, bullhorn_socket::error::plain(error));
            tracing::warn!("{endpoint}: receiving failed: {why}{repeats}");
        }
        if let Some(pause) = reaction.pause {
            std::thread::sleep(pause);
        }
    }

    fn answer(&mut self, inbox: &mut Inbox, outbox: &mut Outbox) {
        let is_logged = tracing::enabled!(tracing::Level::DEBUG);
        if is_logged {
            log::requests(&self.endpoint, inbox);
        }
        self.answerer.answer(inbox, outbox);
        if let Some(link) = &mut self.link {
            link.take(inbox, outbox, Instant::now(), &mut self.answerer.tally);
            self.answerer.settle(&self.endpoint, inbox);
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
            let cause = cause_of(&failure.error, self.is_unix());
            let run = outbox.answers[failure.answer].run;
            self.answerer
                .tally
                .count_drop(cause, failure.datagrams, run);
        }
        self.answerer.settle(&self.endpoint, inbox);
        self.answerer.tally.count_answered(tried - failed);
        if is_logged {
            log::answers(&self.endpoint, inbox, outbox);
        }
    }

    /// Sends what is due from the bad network, or everything in it when `flushed`.
    fn send_delayed(&mut self, flushed: bool) {
        let Some(mut link) = self.link.take() else {
            return;
        };
        while link.fill(Instant::now(), flushed) {
            self.backend.send(&link.inbox, &mut link.outbox);
            let is_unix = self.is_unix();
            link.count(&mut self.answerer.tally, |error| cause_of(error, is_unix));
            self.answerer.settle_delayed(&self.endpoint, &link.inbox);
            if tracing::enabled!(tracing::Level::DEBUG) {
                log::answers(&self.endpoint, &link.inbox, &link.outbox);
            }
        }
        self.link = Some(link);
    }

    fn is_unix(&self) -> bool {
        self.endpoint.family() == Some(Family::Unix)
    }
}
