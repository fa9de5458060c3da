//! What one worker asks about each run before it answers: the guard, and a clock that is read at
//! most once a batch, and not at all when nobody needs it.

use std::sync::Arc;

use capitals::Marks;

use super::loops::Source;
use super::shared::Guard;
use crate::stats::{DropCause, Tally};
use bullhorn_socket::address::{Peer, canonical, unix_name};
use bullhorn_socket::batch::{Inbox, Run};
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// A worker's view of the guard.
pub(crate) struct Filter {
    guard: Arc<Guard>,
    /// When the batch came, once somebody has asked.
    now_ns: Option<u64>,
    /// What the batch has dropped, by cause: how many, and the last run of them.
    dropped: [(u64, usize); DropCause::ALL.len()],
    has_dropped: bool,
    /// Room for the marks of a run.
    pub(crate) marks: Marks,
}

/// What becomes of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission<'a> {
    /// How many of its datagrams may be answered, from the first on.
    pub(crate) datagrams: usize,
    /// Why the others may not.
    pub(crate) cause: DropCause,
    /// Who is watched for answers that equal their request.
    pub(crate) watched: Option<Source<'a>>,
}

impl Filter {
    pub(crate) fn new(guard: Arc<Guard>) -> Self {
        Self {
            guard,
            now_ns: None,
            dropped: Default::default(),
            has_dropped: false,
            marks: Marks::default(),
        }
    }

    /// A new batch has come.
    pub(crate) fn begin(&mut self) {
        self.now_ns = None;
    }

    fn now_ns(&mut self) -> u64 {
        *self.now_ns.get_or_insert_with(|| self.guard.now_ns())
    }

    /// Which of a run's datagrams may be answered. Networks and rates are of the Internet.
    pub(crate) fn admit<'run>(&mut self, run: &'run Run) -> Admission<'run> {
        let mut admission = Admission {
            datagrams: run.datagrams(),
            cause: DropCause::RateLimited,
            watched: None,
        };
        let is_watched = self.guard.loops.is_some();
        let Some(source) = canonical(&run.peer) else {
            let name = unix_name(&run.peer).unwrap_or_default();
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

    /// Whether an answer to `source` may be sent that is its request again.
    pub(crate) fn permits_again(&mut self, source: Source<'_>, text: &[u8]) -> bool {
        let now_ns = self.now_ns();
        let loops = self.guard.loops.as_ref();
        loops.is_none_or(|loops| loops.permits(source, text, now_ns))
    }

    /// Counts datagrams of run `run` that are not answered.
    pub(crate) fn count_drop(
        &mut self,
        tally: &mut Tally,
        cause: DropCause,
        datagrams: usize,
        run: usize,
    ) {
        tally.count_drop(cause, datagrams);
        let (count, last) = &mut self.dropped[cause as usize];
        *count += datagrams as u64;
        *last = run;
        self.has_dropped = true;
    }

    /// Says what the batch has dropped, where it is time to.
    pub(crate) fn warn(&mut self, endpoint: &Endpoint, inbox: &Inbox) {
        if !std::mem::take(&mut self.has_dropped) {
            return;
        }
        let now_ns = self.now_ns();
        for cause in DropCause::ALL {
            let (count, last) = std::mem::take(&mut self.dropped[cause as usize]);
            if count > 0 {
                let peer = Peer(&inbox.runs()[last].peer, SocketType::Datagram);
                self.guard.warn(endpoint, &peer, (cause, count), now_ns);
            }
        }
    }
}
