//! Accounts for every probe exactly once, in constant memory.
//!
//! The last probes are in a ring, which is as long as the timeout needs; what leaves it is settled.
//! It knows nothing of sockets and texts: callers record that a probe was sent, answered or refused,
//! and query what is overdue.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::arrival::{Arrival, ArrivalKind};
use super::loss::Loss;
use crate::ask::counts::Counts;
use bullhorn_socket::PathOutcome;

/// The maximum number of probes in flight; such a ring takes 1.5 MB.
const MAX_WINDOW: u64 = 1 << 16;

/// The minimum length of the ring, so that late and second answers are recognised.
const MIN_WINDOW: u64 = 1 << 10;

/// The probes of one target: their states and counts.
pub(super) struct Ledger {
    slots: Box<[Slot]>,
    /// The number of slots.
    window: u64,
    timeout: Duration,
    /// The number of the last probe sent; 0 before the first.
    last: u64,
    /// All before this one are settled, and were returned by [`Ledger::settle_next`].
    first_open: u64,
    total: Counts,
    flows: Vec<FlowRecord>,
}

#[derive(Clone, Copy)]
struct Slot {
    sent: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outstanding,
    Answered,
    Lost,
    /// Lost, and the reason is known.
    Explained,
    AnsweredLate,
}

#[derive(Clone, Copy, Default)]
struct FlowRecord {
    counts: Counts,
    /// The highest number with an answer.
    highest_answered: u64,
}

/// A probe that is settled, in the order of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Which probe.
    pub(super) number: u64,
    /// When it was sent.
    pub(super) sent: Instant,
    /// Whether it had an answer in time.
    pub(super) answered: bool,
    /// It became lost just now.
    pub(super) newly_lost: bool,
}

impl Ledger {
    /// A ledger of `flows` flows, at least one, which send in turn, one probe per `interval`. It has
    /// room for the probes of twice the timeout, so that late answers find theirs.
    pub(super) fn new(flows: usize, timeout: Duration, interval: Duration) -> Self {
        let needed = 2 * timeout.as_nanos() / interval.as_nanos().max(1);
        let window = u64::try_from(needed).unwrap_or(MAX_WINDOW);
        Self::with_window(flows, timeout, window.clamp(MIN_WINDOW, MAX_WINDOW))
    }

    fn with_window(flows: usize, timeout: Duration, window: u64) -> Self {
        let slot = Slot {
            sent: Instant::now(),
            state: State::Lost,
        };
        Self {
            slots: vec![slot; window as usize].into_boxed_slice(),
            window,
            timeout,
            last: 0,
            first_open: 1,
            total: Counts::default(),
            flows: vec![FlowRecord::default(); flows.max(1)],
        }
    }

    /// The number of the last probe sent.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Which flow probe `number` belongs to.
    pub(super) fn flow_of(&self, number: u64) -> usize {
        (number.saturating_sub(1) % self.flows.len() as u64) as usize
    }

    /// The counts of all flows.
    pub(super) fn counts(&self) -> &Counts {
        &self.total
    }

    /// The counts of one flow.
    pub(super) fn flow_counts(&self, flow: usize) -> &Counts {
        &self.flows[flow].counts
    }

    /// Adds the next probe and returns its number. When the ring [is full](Self::is_full), the oldest
    /// should be settled first, or it is lost as displaced.
    pub(super) fn send(&mut self, now: Instant) -> u64 {
        while self.is_full() {
            self.settle_next(now, true);
        }
        self.last += 1;
        let number = self.last;
        *self.slot(number) = Slot {
            sent: now,
            state: State::Outstanding,
        };
        self.count(number, |counts| {
            counts.sent += 1;
            counts.pending += 1;
        });
        number
    }

    /// Whether there is no room for another probe.
    pub(super) fn is_full(&self) -> bool {
        self.last + 1 - self.first_open >= self.window
    }

    /// Records an answer to probe `number`, which must have been sent.
    pub(super) fn answer(&mut self, number: u64, right: bool, now: Instant) -> Arrival {
        let overtaken = number < self.flows[self.flow_of(number)].highest_answered;
        if number + self.window <= self.last {
            // Whether it had an answer is forgotten; it is late in any case.
            self.count(number, |counts| {
                counts.late += 1;
                counts.wrong += u64::from(!right);
            });
            return Arrival {
                kind: ArrivalKind::Late,
                reordered: false,
                round_trip: None,
            };
        }
        let slot = self.slot(number);
        let round_trip = Some(now.saturating_duration_since(slot.sent));
        let kind = match slot.state {
            State::Outstanding => {
                slot.state = State::Answered;
                ArrivalKind::InTime
            }
            State::Lost | State::Explained => {
                slot.state = State::AnsweredLate;
                ArrivalKind::Late
            }
            State::Answered | State::AnsweredLate => ArrivalKind::Duplicate,
        };
        let reordered = overtaken && kind != ArrivalKind::Duplicate;
        self.count(number, |counts| {
            match kind {
                ArrivalKind::InTime => {
                    counts.pending -= 1;
                    if right {
                        counts.ok += 1;
                    } else {
                        counts.corrupt += 1;
                    }
                }
                ArrivalKind::Late => counts.late += 1,
                ArrivalKind::Duplicate => counts.duplicate += 1,
            }
            counts.reordered += u64::from(reordered);
            counts.wrong += u64::from(!right);
        });
        let flow = self.flow_of(number);
        let highest = &mut self.flows[flow].highest_answered;
        *highest = number.max(*highest);
        Arrival {
            kind,
            reordered,
            round_trip,
        }
    }

    /// Records an answer on `flow` that belongs to no probe.
    pub(super) fn stray(&mut self, flow: usize) {
        self.total.stray += 1;
        self.flows[flow].counts.stray += 1;
    }

    /// Probe `number` will have no answer. Returns whether it was outstanding until now.
    pub(super) fn lose(&mut self, number: u64, loss: &Loss) -> bool {
        if !self.is_in_state(number, State::Outstanding) {
            return false;
        }
        self.slot(number).state = State::Lost;
        self.count(number, |counts| {
            counts.pending -= 1;
            counts.lost += 1;
        });
        self.explain(number, loss);
        true
    }

    /// Probe `number` is lost, for this reason. Returns whether that is new.
    pub(super) fn explain(&mut self, number: u64, loss: &Loss) -> bool {
        let outcome = match loss {
            Loss::Path(error) => error.outcome(),
            Loss::Unsent(_) => PathOutcome::Unsent,
            Loss::Timeout | Loss::NotConnected | Loss::Closed | Loss::Displaced => return false,
        };
        if !self.is_in_state(number, State::Lost) {
            return false;
        }
        self.slot(number).state = State::Explained;
        self.count(number, |counts| counts.explain(outcome));
        true
    }

    fn is_in_state(&mut self, number: u64, state: State) -> bool {
        number + self.window > self.last && self.slot(number).state == state
    }

    /// The next probe in order, once it is settled. An overdue one becomes lost. With `force` an
    /// outstanding one becomes lost too.
    pub(super) fn settle_next(&mut self, now: Instant, force: bool) -> Option<Settled> {
        let number = self.first_open;
        if number > self.last {
            return None;
        }
        let Slot { sent, state } = *self.slot(number);
        let mut newly_lost = false;
        if state == State::Outstanding {
            let overdue = now.saturating_duration_since(sent) >= self.timeout;
            let loss = if overdue {
                Loss::Timeout
            } else {
                Loss::Displaced
            };
            if !overdue && !force {
                return None;
            }
            newly_lost = self.lose(number, &loss);
        }
        self.first_open += 1;
        Some(Settled {
            number,
            sent,
            answered: state == State::Answered,
            newly_lost,
        })
    }

    /// When the oldest outstanding probe is overdue.
    pub(super) fn next_overdue(&mut self) -> Option<Instant> {
        (self.first_open <= self.last).then(|| self.slot(self.first_open).sent + self.timeout)
    }

    /// Whether a probe of the flow, from the first unsettled one on, has an answer.
    pub(super) fn has_recent_answer(&self, flow: usize) -> bool {
        self.flows[flow].highest_answered >= self.first_open
    }

    /// The outstanding probes of a flow, the oldest first.
    pub(super) fn outstanding(&self, flow: usize) -> impl Iterator<Item = u64> {
        (self.first_open..=self.last).filter(move |number| {
            self.flow_of(*number) == flow
                && self.slots[(number % self.window) as usize].state == State::Outstanding
        })
    }

    fn slot(&mut self, number: u64) -> &mut Slot {
        &mut self.slots[(number % self.window) as usize]
    }

    fn count(&mut self, number: u64, change: impl Fn(&mut Counts)) {
        let flow = self.flow_of(number);
        change(&mut self.total);
        change(&mut self.flows[flow].counts);
    }
}
