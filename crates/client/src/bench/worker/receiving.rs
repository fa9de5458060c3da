//! Receiving: a look at the flow that waits longest, and what it means that a call on a flow fails.
//! Whose an answer is and whether it is right is decided in its ledger.

use std::io;

use super::Worker;
use super::state::State;
use crate::bench::transport::{Taken, Transport};

/// So many polls in vain at the flow that waits longest, before a look at the next. Servers answer
/// mostly in order, and with thousands of flows each look at another one is a row of cache misses.
const EMPTY_POLLS_PER_FLOW: u32 = 16;

/// So many polls in vain between two polls at the clock.
const EMPTY_POLLS_PER_CLOCK: u32 = 16;

impl<T: Transport> Worker<'_, T> {
    /// Looks at the flow that waits longest.
    pub(super) fn look(&mut self, state: &mut State) -> io::Result<()> {
        let Some(index) = state.active.front().map(|place| *place as usize) else {
            return Ok(());
        };
        state.polls += 1;
        match self.receive(index) {
            Ok(Taken::At(now_ns)) => {
                state.now_ns = now_ns;
                state.empty_in_a_row = 0;
                state.idle_since_ns = None;
            }
            Ok(Taken::Closed) => self.close(index, state),
            Err(error) => {
                self.handle_error(error, index, state)?;
                state.empty_polls += 1;
                state.empty_in_a_row += 1;
                if state.empty_in_a_row.is_multiple_of(EMPTY_POLLS_PER_CLOCK) {
                    state.now_ns = self.clock.now_ns();
                    let since_ns = *state.idle_since_ns.get_or_insert(state.now_ns);
                    if u128::from(state.now_ns - since_ns) >= self.limits.spin.as_nanos() {
                        self.sleep(state)?;
                    }
                }
                if !state.empty_in_a_row.is_multiple_of(EMPTY_POLLS_PER_FLOW) {
                    return Ok(());
                }
            }
        }
        let ledger = &mut self.ledgers[index];
        let limit_ns = state.now_ns.saturating_sub(self.limits.timeout_ns);
        ledger.expire(limit_ns, &mut self.books);
        state.active.pop_front();
        state.flows[index].is_active = ledger.outstanding() > 0;
        if state.flows[index].is_active {
            state.active.push_back(index as u32);
        }
        self.make_ready(index, state);
        Ok(())
    }

    /// Takes what has come on a flow, as much as one turn may.
    pub(super) fn receive(&mut self, index: usize) -> io::Result<Taken> {
        self.books.begin_turn();
        let ledger = &mut self.ledgers[index];
        self.transport
            .receive(index, ledger, &mut self.books, self.clock)
    }

    /// A call on a flow failed. What passes is passed over; what does not is handed back.
    pub(super) fn handle_error(
        &mut self,
        error: io::Error,
        index: usize,
        state: &mut State,
    ) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
            io::ErrorKind::ConnectionRefused => {
                state.refused += 1;
                let record = &self.books.record;
                if record.counts.ok + record.warmup.ok == 0 {
                    return Err(error);
                }
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => self.close(index, state),
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            _ => return Err(error),
        }
        Ok(())
    }

    /// The far end has closed the connection: what is under way on it is lost.
    fn close(&mut self, index: usize, state: &mut State) {
        if !state.flows[index].is_closed {
            state.flows[index].is_closed = true;
            state.closed += 1;
        }
        self.ledgers[index].give_up(&mut self.books);
    }
}
