//! Waiting: for the schedule, for whatever comes, and at the end for what comes late. Nothing else
//! that a worker does blocks.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::state::State;
use super::{Load, Worker};
use crate::bench::ledger::Ledger;
use crate::bench::shared::ABORT;
use crate::bench::transport::{Taken, Transport};
use bullhorn_socket::sys::PollSet;

/// The longest sleep, so that a wish to stop is seen.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// How long the end of a run waits for more answers than it needs.
const LINGER: Duration = Duration::from_millis(100);

/// A sleep takes about this much longer than it was to.
const SLEEP_SLACK: Duration = Duration::from_micros(100);

impl<T: Transport> Worker<'_, T> {
    /// Nothing is under way: waits for the schedule, or until the kernel takes texts again.
    pub(super) fn wait_for_schedule(&mut self, state: &mut State) {
        state.now_ns = self.clock.now_ns();
        let wait = match &self.load {
            Load::Open(schedule) => {
                let wait = Duration::from_nanos(schedule.next_ns().saturating_sub(state.now_ns));
                if wait < self.limits.spin + SLEEP_SLACK {
                    return;
                }
                wait - SLEEP_SLACK
            }
            Load::Closed { .. } => Duration::from_millis(1),
        };
        std::thread::sleep(wait.min(LONGEST_SLEEP));
    }

    /// Nothing has come for long: sleeps until something does, or is due.
    pub(super) fn sleep(&mut self, state: &mut State) -> io::Result<()> {
        let until_ns = self.ledgers.iter().filter_map(Ledger::oldest_ns).min();
        let mut wait = until_ns.map_or(LONGEST_SLEEP, |oldest_ns| {
            let until_ns = oldest_ns + self.limits.timeout_ns;
            LONGEST_SLEEP.min(Duration::from_nanos(until_ns.saturating_sub(state.now_ns)))
        });
        if let Load::Open(schedule) = &self.load
            && state.is_sending
        {
            let due = Duration::from_nanos(schedule.next_ns().saturating_sub(state.now_ns));
            wait = wait.min(due.saturating_sub(SLEEP_SLACK));
        }
        if wait.is_zero() {
            return Ok(());
        }
        let mut poll = PollSet::default();
        for (place, socket) in self.transport.sockets().iter().enumerate() {
            if state.flows[place].is_active {
                poll.add(socket.as_fd(), true, self.transport.waits_for_room(place));
            }
        }
        poll.wait(Some(wait))?;
        state.now_ns = self.clock.now_ns();
        // Whoever is ready must be found, however many flows there are.
        state.idle_since_ns = Some(state.now_ns);
        Ok(())
    }

    /// Takes what still comes of requests that are settled: duplicates and late answers.
    pub(super) fn linger(&mut self, state: &mut State) -> io::Result<()> {
        let end = Instant::now() + LINGER;
        while self.shared.control.load(Ordering::Relaxed) != ABORT {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            let open = (0..self.ledgers.len()).filter(|place| !state.flows[*place].is_closed);
            let open: Vec<usize> = open.collect();
            let mut poll = PollSet::default();
            for place in &open {
                poll.add(self.transport.sockets()[*place].as_fd(), true, false);
            }
            poll.wait(Some(rest))?;
            let ready: Vec<bool> = (0..open.len())
                .map(|entry| poll.ready(entry).to_read)
                .collect();
            drop(poll);
            for index in open
                .into_iter()
                .zip(ready)
                .filter_map(|(place, is_ready)| is_ready.then_some(place))
            {
                match self.receive(index) {
                    Ok(Taken::At(_)) => {}
                    // A connection that ends now has done its work.
                    Ok(Taken::Closed) => state.flows[index].is_closed = true,
                    Err(error) => self.handle_error(error, index, state)?,
                }
            }
        }
        Ok(())
    }
}
