//! What is told while a run goes on.

use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use super::loss::Loss;
use super::outage::Outage;
use super::summary::Summary;
use crate::ask::counts::Counts;
use crate::ask::diagnosis::Problem;
use bullhorn_socket::endpoint::Endpoint;

/// The beginning of a run.
#[derive(Clone, Debug)]
pub struct Begin<'a> {
    /// The address that is probed.
    pub endpoint: &'a Endpoint,
    /// When the first probe is due; other times are told as the time since then.
    pub start: Instant,
    /// The same by the wall clock.
    pub started_at: SystemTime,
    /// Bytes of each text.
    pub text_length: usize,
    /// From one probe to the next.
    pub interval: Duration,
    /// How many flows send in turn.
    pub flows: usize,
}

/// Something that happened to a probe, an answer or a flow. Flows are counted from 0.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An answer that belongs to a probe.
    Answer {
        /// Which probe.
        number: u64,
        /// Over which flow.
        flow: usize,
        /// Bytes that came.
        length: usize,
        /// Since the probe was sent; `None` when that is too long ago to be known.
        round_trip: Option<Duration>,
        /// The first in time, a late one, or one more.
        kind: super::ArrivalKind,
        /// It came after the answer to a later probe of its flow.
        reordered: bool,
        /// What is wrong with it.
        problem: Option<Problem>,
    },
    /// An answer that belongs to no probe.
    Stray {
        /// Over which flow.
        flow: usize,
        /// Bytes that came.
        length: usize,
    },
    /// A probe that has no answer.
    Lost {
        /// Which probe.
        number: u64,
        /// Over which flow.
        flow: usize,
        /// Why.
        loss: Loss,
    },
    /// So many probes of a flow are lost in a row that it is an outage.
    OutageBegan(Outage),
    /// A probe was answered again.
    OutageEnded(Outage),
    /// During an outage a fresh source port had an answer, and after that the old one still none:
    /// stale flow state on the path (NAT or conntrack) is likely.
    StaleFlow {
        /// The flow that has no answers.
        flow: usize,
        /// Of the fresh source port.
        round_trip: Duration,
    },
}

/// Is told what happens during a run. `Break` ends the run.
pub trait Observer {
    /// A run begins.
    fn begin(&mut self, begin: &Begin<'_>) -> ControlFlow<()>;

    /// Something happened, `at` so long after the start; `counts` has it already.
    fn event(&mut self, at: Duration, event: &Event, counts: &Counts) -> ControlFlow<()>;

    /// How it stands, as was [asked for](super::Control::report); the run goes on.
    fn interim(&mut self, summary: &Summary) -> ControlFlow<()>;
}
