//! Sending: which flow may send, and how much at once. When a request is due is in `schedule`.

use std::io;
use std::iter;

use super::state::State;
use super::{Load, Worker};
use crate::bench::transport::Transport;

/// After so many flows the clock and the stop are looked at, however many more are ready.
const FLOWS_PER_CLOCK: usize = 64;

/// So much later than its end a schedule may still send what was due before.
const MAX_LAG_NS: u64 = 20_000_000;

impl<T: Transport> Worker<'_, T> {
    pub(super) fn fill_windows(&mut self, window: u64, state: &mut State) -> io::Result<()> {
        for turn in 1.. {
            if turn % FLOWS_PER_CLOCK == 0 {
                state.now_ns = self.clock.now_ns();
                self.keep_time(state);
            }
            let Some(place) = state.ready.pop_front().filter(|_| state.is_sending) else {
                break;
            };
            let index = place as usize;
            state.flows[index].is_ready = false;
            let room = window - self.ledgers[index].in_flight();
            let amount = room.min(self.most_to_send(state));
            if amount == 0 {
                // The quota is used up.
                return Ok(());
            }
            let taken = self.send(index, amount, state)?;
            self.make_ready(index, state);
            if taken < amount {
                // The kernel is full: the flow goes on when answers come, or else in its turn.
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn send_due(&mut self, state: &mut State) -> io::Result<()> {
        let Load::Open(schedule) = self.load else {
            return Ok(());
        };
        state.now_ns = self.clock.now_ns();
        let end_ns = if state.is_measuring {
            self.limits.send_until_ns
        } else {
            self.limits.measure_from_ns
        };
        let most = self.most_to_send(state);
        let amount = schedule.due(state.now_ns.min(end_ns - 1), most);
        let is_over = state.now_ns >= end_ns;
        if is_over && state.is_measuring {
            // What was due just now still goes; what was due long ago never will.
            state.is_sending = amount > 0 && state.now_ns < end_ns + MAX_LAG_NS;
        }
        if amount == 0 || !state.is_sending || !is_over && amount < schedule.bunch().min(most) {
            return Ok(());
        }
        let Some(place) = state.ready.pop_front() else {
            return Ok(());
        };
        if state.flows[place as usize].is_closed {
            return Ok(());
        }
        state.ready.push_back(place);
        self.send(place as usize, amount, state)?;
        Ok(())
    }

    /// Sends up to `amount` texts of a flow; returns how many went.
    fn send(&mut self, index: usize, amount: u64, state: &mut State) -> io::Result<u64> {
        let ledger = &mut self.ledgers[index];
        let now_ns = self.clock.now_ns();
        let result = self
            .transport
            .send(index, ledger, amount as usize, &mut self.books);
        let taken = match result {
            Ok(taken) => taken as u64,
            Err(error) => return self.handle_error(error, index, state).map(|()| 0),
        };
        match &mut self.load {
            Load::Open(schedule) => {
                ledger.note_sent(taken, now_ns, schedule.intended_ns(), &mut self.books);
                schedule.advance(taken);
            }
            Load::Closed { .. } => {
                ledger.note_sent(taken, now_ns, iter::empty(), &mut self.books);
            }
        }
        let flags = &mut state.flows[index];
        if taken > 0 && !flags.is_active {
            flags.is_active = true;
            state.active.push_back(index as u32);
        }
        Ok(taken)
    }

    fn most_to_send(&self, state: &State) -> u64 {
        let burst = self.limits.burst as u64;
        if state.is_measuring {
            burst.min(self.limits.quota - self.books.record.counts.sent)
        } else {
            burst
        }
    }

    /// Lets a flow send again if its window has the room, or its schedule demands it.
    pub(super) fn make_ready(&self, index: usize, state: &mut State) {
        let has_room = match &self.load {
            Load::Closed { window, threshold } => {
                window - self.ledgers[index].in_flight() >= *threshold
            }
            Load::Open(_) => true,
        };
        let flags = &mut state.flows[index];
        if has_room && !flags.is_ready && !flags.is_closed {
            flags.is_ready = true;
            state.ready.push_back(index as u32);
        }
    }
}
