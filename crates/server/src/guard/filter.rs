//! One worker's view of the guard: checks each run before it is answered.
//!
//! The clock is read at most once per batch, and only when a check needs it.

use std::sync::Arc;

use super::loops::Source;
use super::shared::Guard;
use crate::stats::{DropCause, Tally};
use bullhorn_socket::Peer;
use bullhorn_socket::datagrams::{Inbox, Run};
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// A worker's view of the guard.
#[derive(Debug)]
pub(crate) struct Filter {
    guard: Arc<Guard>,
    /// When the batch came, once a check has needed it.
    now_ns: Option<u64>,
}

/// How much of a run may be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission<'a> {
    /// The number of its datagrams that may be answered, from the first.
    pub(crate) datagrams: usize,
    /// Why the others may not.
    pub(crate) cause: DropCause,
    /// Set when the loop guard watches this run.
    pub(crate) watched: Option<Source<'a>>,
}

impl Filter {
    pub(crate) fn new(guard: Arc<Guard>) -> Self {
        Self {
            guard,
            now_ns: None,
        }
    }

    /// A new batch has come.
    pub(crate) fn begin(&mut self) {
        self.now_ns = None;
    }

    fn now_ns(&mut self) -> u64 {
        *self.now_ns.get_or_insert_with(|| self.guard.now_ns())
    }

    /// Which of a run's datagrams may be answered. Networks and rates apply to Internet sources.
    pub(crate) fn admit<'run>(&mut self, run: &'run Run) -> Admission<'run> {
        let mut admission = Admission {
            datagrams: run.datagrams(),
            cause: DropCause::RateLimited,
            watched: None,
        };
        let is_watched = self.guard.loops.is_some();
        let Some(source) = run.peer.canonical() else {
            let name = run.peer.unix_name().unwrap_or_default();
            if let Some(cause) = self.guard.unix_refusal(name) {
                admission.cause = cause;
                admission.datagrams = 0;
            }
            admission.watched = is_watched.then_some(Source::Unix(name));
            return admission;
        };
        if let Some(cause) = self.guard.refusal(source, run.destination) {
            admission.cause = cause;
            admission.datagrams = 0;
        } else if self.guard.limits(source.ip()) {
            let now_ns = self.now_ns();
            admission.datagrams = self.guard.admit(source.ip(), admission.datagrams, now_ns);
        }
        admission.watched = is_watched.then_some(source.into());
        admission
    }

    /// Whether an answer to `source` that equals its request may be sent.
    pub(crate) fn permits_again(&mut self, source: Source<'_>, text: &[u8]) -> bool {
        let now_ns = self.now_ns();
        let loops = self.guard.loops.as_ref();
        loops.is_none_or(|loops| loops.permits(source, text, now_ns))
    }

    /// Logs what the batch has dropped, at most once per interval and cause.
    pub(crate) fn report_drops(&mut self, endpoint: &Endpoint, tally: &mut Tally, inbox: &Inbox) {
        let now_ns = self.now_ns();
        for (cause, count, last_run) in tally.take_unreported_drops() {
            let peer = Peer(&inbox.runs()[last_run].peer, SocketType::Datagram);
            self.guard.report(endpoint, &peer, (cause, count), now_ns);
        }
    }
}
