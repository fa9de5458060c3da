//! One run over any number of targets: sends what is due, receives what has arrived, and waits for
//! the next event.
//!
//! The loop is in this file. `target` is the state of one target, `exchange` its sending and
//! receiving, `settle` derives losses and outages, `sizes` explains an outage by the size of the
//! messages, and `relocate` moves the target to another address.

mod exchange;
mod relocate;
mod settle;
mod sizes;
mod target;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use super::control::Control;
use super::event::Observer;
use super::summary::Summary;
use bullhorn_socket::PollSet;
use bullhorn_socket::error::{Error, Operation, Result};
pub(super) use target::Target;

/// The longest time to receive answers before checking the clock, the stop and the schedules again.
/// The targets share it.
const TURN: Duration = Duration::from_millis(10);

pub(super) struct Engine<'a> {
    targets: Vec<Target<'a>>,
    control: &'a Control,
    /// The end of the run, even with probes outstanding.
    deadline: Option<Instant>,
}

impl<'a> Engine<'a> {
    /// A run over `targets`, of which there is at least one.
    pub(super) fn new(
        targets: Vec<Target<'a>>,
        control: &'a Control,
        deadline: Option<Instant>,
    ) -> Self {
        Self {
            targets,
            control,
            deadline,
        }
    }

    /// Probes until every target is done, and returns their summaries in order.
    pub(super) fn run(mut self, observer: &mut dyn Observer) -> Result<Vec<Summary>> {
        self.connect()?;
        if self.begin(observer).is_continue() {
            self.probe(observer)?;
        }
        Ok(self.targets.into_iter().map(Target::finish).collect())
    }

    /// Connects all flows before the first probe, so that connecting does not add to its round
    /// trip.
    fn connect(&mut self) -> Result<()> {
        for target in &mut self.targets {
            target.open_flows()?;
        }
        let begun = Instant::now();
        while !self.control.is_stopped() {
            let opening = self.targets.iter().filter(|target| target.is_opening());
            let Some(end) = opening.map(|target| begun + target.timeout()).max() else {
                break;
            };
            let end = self.deadline.map_or(end, |deadline| deadline.min(end));
            let remaining = end.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                break;
            }
            // What was ready has been tried: without this, a wait would not wait.
            self.targets.iter_mut().for_each(Target::clear_ready);
            self.wait(Some(remaining))?;
            self.targets.iter_mut().for_each(Target::advance_flows);
        }
        Ok(())
    }

    fn begin(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        let (start, started_at) = (Instant::now(), SystemTime::now());
        let mut targets = self.targets.iter_mut();
        targets.try_for_each(|target| target.begin(start, started_at, observer))
    }

    fn probe(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let turn = TURN / u32::try_from(self.targets.len()).unwrap_or(u32::MAX);
        loop {
            if self.control.take_report() && self.report(observer).is_break() {
                return Ok(());
            }
            let is_over = self.deadline.is_some_and(|end| end <= Instant::now());
            if self.control.is_stopped() || is_over {
                return Ok(());
            }
            let mut next = self.deadline;
            for target in &mut self.targets {
                let ControlFlow::Continue(due) = target.advance(turn, observer) else {
                    return Ok(());
                };
                next = next.into_iter().chain(due).min();
            }
            if self.targets.iter().all(Target::is_done) {
                return Ok(());
            }
            self.wait(next.map(|next| next.saturating_duration_since(Instant::now())))?;
        }
    }

    fn report(&self, observer: &mut dyn Observer) -> ControlFlow<()> {
        let mut targets = self.targets.iter();
        targets.try_for_each(|target| target.report(observer))
    }

    /// Waits for something to arrive on a flow or from the control.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<()> {
        let mut poll = PollSet::default();
        poll.add_stop(self.control.stopped_by());
        let control = poll.add(self.control.as_fd(), true, false);
        let mut entries = Vec::new();
        for (index, target) in self.targets.iter().enumerate() {
            for (flow, descriptor, to_write) in target.interest() {
                let entry = poll.add(descriptor, true, to_write);
                entries.extend(flow.map(|flow| (index, flow, entry)));
            }
        }
        // ppoll(2) does not see what is in our own buffers.
        let has_more = self.targets.iter().any(Target::has_ready_flow);
        let timeout = if has_more {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        poll.wait(timeout).map_err(|source| {
            let endpoint = self.targets[0].endpoint();
            Error::socket(Operation::Receive, endpoint, source)
        })?;
        if poll.ready(control).to_read {
            self.control.clear();
        }
        entries.retain(|(index, flow, entry)| {
            let ready = poll.ready(*entry);
            ready.to_read || ready.to_write || self.targets[*index].is_flow_ready(*flow)
        });
        drop(poll);
        // A flow may have several connections.
        entries.dedup_by_key(|(index, flow, _)| (*index, *flow));
        self.targets.iter_mut().for_each(Target::clear_ready);
        for (index, flow, _) in entries {
            self.targets[index].add_ready(flow);
        }
        Ok(())
    }
}
