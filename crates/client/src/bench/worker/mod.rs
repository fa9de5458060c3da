//! One thread of the load: it sends what is due, polls for answers, and never waits for one flow
//! while another has something. The same loop for every transport and for both kinds of load.
//!
//! Here are the worker, its orders and its loop. What the loop does is in `sending`, `receiving`
//! and `waiting`; what that changes is in `state`.

mod receiving;
mod sending;
mod state;
mod waiting;

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use self::state::State;

use super::ledger::{Books, Ledger};
use super::record::Record;
use super::schedule::Schedule;
use super::shared::{ABORT, Shared};
use super::transport::{Clock, Transport};

/// How often a worker says how far it is.
const PUBLISH_NS: u64 = 50_000_000;

/// When requests are sent.
pub(super) enum Load {
    /// Whenever at least `threshold` of the window is free.
    Closed { window: u64, threshold: u64 },
    /// By a schedule.
    Open(Schedule),
}

/// How far a run goes, the same for each worker but the quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) measure_from_ns: u64,
    pub(super) send_until_ns: u64,
    /// The most measured requests of this worker.
    pub(super) quota: u64,
    pub(super) timeout_ns: u64,
    pub(super) spin: Duration,
    /// The most texts sent at once.
    pub(super) burst: usize,
}

/// How the worker came to its end.
pub(super) struct Finished {
    pub(super) record: Record,
    pub(super) polls: u64,
    pub(super) empty_polls: u64,
    pub(super) has_offload: bool,
    /// Sends and polls that the far end refused.
    pub(super) refused: u64,
    /// Connections that the far end closed.
    pub(super) closed: u64,
}

pub(super) struct Worker<'a, T> {
    pub(super) number: usize,
    pub(super) transport: T,
    pub(super) ledgers: Vec<Ledger>,
    pub(super) books: Books,
    pub(super) load: Load,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) shared: &'a Shared,
}

impl<T: Transport> Worker<'_, T> {
    /// Runs until everything is sent and settled.
    pub(super) fn run(mut self) -> io::Result<Finished> {
        let mut state = State::new(self.ledgers.len(), self.clock.now_ns());
        loop {
            self.keep_time(&mut state);
            if state.is_sending {
                match self.load {
                    Load::Closed { window, .. } => self.fill_windows(window, &mut state)?,
                    Load::Open(_) => self.send_due(&mut state)?,
                }
            }
            if state.active.is_empty() {
                if !state.is_sending || state.flows.iter().all(|flow| flow.is_closed) {
                    break;
                }
                self.wait_for_schedule(&mut state);
                continue;
            }
            if self.shared.control.load(Ordering::Relaxed) == ABORT {
                for ledger in &mut self.ledgers {
                    ledger.leave_pending(&mut self.books);
                }
                break;
            }
            self.look(&mut state)?;
        }
        self.linger(&mut state)?;
        self.publish();
        Ok(Finished {
            has_offload: self.transport.has_offload(),
            record: self.books.record,
            polls: state.polls,
            empty_polls: state.empty_polls,
            refused: state.refused,
            closed: state.closed,
        })
    }

    /// Begins to measure and ends to send when it is time.
    fn keep_time(&mut self, state: &mut State) {
        if !state.is_measuring && state.now_ns >= self.limits.measure_from_ns {
            self.begin_measuring(state);
        }
        // A schedule ends by itself, with its own requests.
        let is_open = matches!(self.load, Load::Open(_));
        state.is_sending = state.is_sending
            && (is_open || state.now_ns < self.limits.send_until_ns)
            && self.books.record.counts.sent < self.limits.quota
            && self.shared.control.load(Ordering::Relaxed) == 0;
        if state.now_ns >= state.publish_at_ns {
            state.publish_at_ns = state.now_ns + PUBLISH_NS;
            self.publish();
        }
    }

    /// The warm-up is over, and what it could not send is not made up for in the measured time.
    fn begin_measuring(&mut self, state: &mut State) {
        state.is_measuring = true;
        if let Load::Open(schedule) = &mut self.load {
            self.books.record.warmup_skipped += schedule.skip_to(self.limits.measure_from_ns);
        }
        for ledger in &mut self.ledgers {
            ledger.begin_measuring();
        }
    }

    fn publish(&self) {
        let counts = &self.books.record.counts;
        if let Some((sent, ok)) = self.shared.progress.get(self.number) {
            sent.store(counts.sent, Ordering::Relaxed);
            ok.store(counts.ok, Ordering::Relaxed);
        }
    }
}
