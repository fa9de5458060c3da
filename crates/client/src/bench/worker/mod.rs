//! One thread of the load: it sends what is due, polls for replies, and never waits for one flow
//! while another is ready. The same loop for every transport and for both kinds of load.
//!
//! The `sender` and the `receiver` work on the `flows`, which are in `queues`; `waiting` is the
//! only part that blocks.

mod flows;
mod limits;
mod queues;
mod receiver;
mod sender;
mod waiting;

use std::io;

pub(super) use self::flows::Flows;
pub(super) use self::limits::Limits;
pub(super) use self::sender::Load;

use self::receiver::Receiver;
use self::sender::Sender;
use super::record::Record;
use super::shared::Shared;
use super::transport::Transport;
use crate::ask::path_errors::PathErrors;

/// How often a worker publishes its progress.
const PUBLISH_INTERVAL_NS: u64 = 50_000_000;

/// What a worker has measured.
pub(super) struct WorkerResult {
    pub(super) record: Record,
    pub(super) polls: u64,
    pub(super) empty_polls: u64,
    pub(super) has_offload: bool,
    /// What the path reported.
    pub(super) path_errors: PathErrors,
    /// Connections that the peer closed.
    pub(super) closed: u64,
}

pub(super) struct Worker<'a, T> {
    index: usize,
    shared: &'a Shared,
    limits: Limits,
    flows: Flows<T>,
    sender: Sender<'a>,
    receiver: Receiver,
    publish_at_ns: u64,
}

impl<'a, T: Transport> Worker<'a, T> {
    pub(super) fn new(
        index: usize,
        shared: &'a Shared,
        flows: Flows<T>,
        load: Load,
        limits: Limits,
    ) -> Self {
        Self {
            index,
            shared,
            limits,
            flows,
            sender: Sender::new(load, limits, shared),
            receiver: Receiver::default(),
            publish_at_ns: 0,
        }
    }

    /// Runs until everything is sent and settled.
    pub(super) fn run(mut self) -> io::Result<WorkerResult> {
        loop {
            self.sender.update(&mut self.flows);
            if self.flows.now_ns >= self.publish_at_ns {
                self.publish_at_ns = self.flows.now_ns + PUBLISH_INTERVAL_NS;
                self.publish();
            }
            if self.sender.is_sending() {
                self.sender.send(&mut self.flows)?;
            }
            if self.flows.queues.longest_waiting().is_none() {
                if !self.sender.is_sending() || self.flows.queues.are_all_closed() {
                    break;
                }
                self.sender.wait_for_schedule(&mut self.flows);
                continue;
            }
            if self.shared.is_aborted() {
                self.flows.leave_pending();
                break;
            }
            self.receiver
                .poll(&mut self.flows, &self.sender, &self.limits)?;
        }
        waiting::linger(&mut self.flows, self.shared)?;
        self.publish();
        Ok(WorkerResult {
            has_offload: self.flows.transport.has_offload(),
            record: self.flows.books.record,
            polls: self.receiver.polls,
            empty_polls: self.receiver.empty_polls,
            path_errors: self.flows.path_errors,
            closed: self.flows.closed,
        })
    }

    fn publish(&self) {
        self.shared
            .publish(self.index, &self.flows.books.record.counts);
    }
}
