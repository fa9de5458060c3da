//! Receiving: polls the flow that has waited longest. Its ledger matches and compares.

use std::io;

use super::flows::Flows;
use super::limits::Limits;
use super::sender::Sender;
use super::waiting::sleep;
use crate::bench::transport::{Received, Transport};

/// Empty polls of the longest waiting flow before the clock is read and the next one is polled.
/// Servers reply mostly in order, and with thousands of flows each poll of another one is a row of
/// cache misses.
const EMPTY_POLLS_PER_FLOW: u32 = 16;

#[derive(Default)]
pub(super) struct Receiver {
    pub(super) polls: u64,
    pub(super) empty_polls: u64,
    empty_in_a_row: u32,
    /// Since when nothing has come.
    idle_since_ns: Option<u64>,
}

impl Receiver {
    /// Polls the flow that has waited longest. Once nothing has come for the time to busy-poll,
    /// sleeps until something does, or is due.
    pub(super) fn poll<T: Transport>(
        &mut self,
        flows: &mut Flows<T>,
        sender: &Sender<'_>,
        limits: &Limits,
    ) -> io::Result<()> {
        let Some(index) = flows.queues.longest_waiting() else {
            return Ok(());
        };
        self.polls += 1;
        match flows.receive(index) {
            Ok(Received::At(now_ns)) => {
                flows.now_ns = now_ns;
                self.empty_in_a_row = 0;
                self.idle_since_ns = None;
            }
            Ok(Received::Closed) => flows.close(index),
            Err(error) => {
                flows.handle_error(error, index)?;
                self.empty_polls += 1;
                self.empty_in_a_row += 1;
                if !self.empty_in_a_row.is_multiple_of(EMPTY_POLLS_PER_FLOW) {
                    return Ok(());
                }
                let now_ns = flows.read_clock();
                let since_ns = *self.idle_since_ns.get_or_insert(now_ns);
                if u128::from(now_ns - since_ns) >= limits.spin.as_nanos()
                    && sleep(flows, sender.next_due_ns(), limits.timeout_ns)?
                {
                    // The flow that woke us is found by polling, however many there are.
                    self.idle_since_ns = Some(flows.now_ns);
                }
            }
        }
        flows.end_turn(index, flows.now_ns.saturating_sub(limits.timeout_ns));
        sender.make_ready(flows, index);
        Ok(())
    }
}
