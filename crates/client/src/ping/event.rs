//! What a run reports while it lasts.

use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use super::arrival::ArrivalKind;
use super::loss::Loss;
use super::outage::Outage;
use super::summary::Summary;
use crate::ask::counts::Counts;
use crate::ask::diagnosis::Diagnosis;
use crate::ask::excerpt::AnswerExcerpt;
use crate::ask::flow_diagnosis::FlowDiagnosis;
use bullhorn_socket::PathError;
use bullhorn_socket::endpoint::Endpoint;

/// The beginning of the probing of one target.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Begin<'a> {
    /// The index of the target in the run.
    pub target: usize,
    /// The endpoint as given, perhaps with a name.
    pub given: &'a Endpoint,
    /// The address that is probed.
    pub endpoint: &'a Endpoint,
    /// When the first probe is due. Events have the time since then.
    pub start: Instant,
    /// The same by the wall clock.
    pub started_at: SystemTime,
    /// The length of each text in bytes.
    pub text_length: usize,
    /// From one probe to the next.
    pub interval: Duration,
    /// The number of flows, which send in turn.
    pub flows: usize,
    /// The address and port that each flow sends from; `None` for a Unix socket.
    pub sources: Vec<Option<SocketAddr>>,
    /// Whether each probe has a connection of its own.
    pub reconnects: bool,
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
        /// Since the probe was sent, or where it has a connection of its own, since that was made;
        /// `None` when that was too long ago to be remembered, or the prober itself was stopped
        /// meanwhile.
        round_trip: Option<Duration>,
        /// How long the probe's own connection took to be made.
        connect_time: Option<Duration>,
        /// First and in time, late, or a duplicate.
        kind: ArrivalKind,
        /// It came after the answer to a later probe of its flow.
        reordered: bool,
        /// What is wrong with it.
        problem: Option<Diagnosis>,
    },
    /// An answer that belongs to no probe.
    Stray {
        /// Over which flow.
        flow: usize,
        /// Bytes that came.
        length: usize,
        /// How they begin.
        excerpt: AnswerExcerpt,
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
    /// What the path reports about a probe that already counts as lost: a neighbour that does not
    /// answer is reported after about three seconds.
    LossExplained {
        /// Which probe.
        number: u64,
        /// Over which flow.
        flow: usize,
        /// Why it was lost.
        error: PathError,
    },
    /// Probes were due while the prober itself was stopped or held up. They were not sent, and are
    /// not counted as such.
    Skipped {
        /// How many.
        probes: u64,
        /// Since the first of them was due.
        delay: Duration,
    },
    /// Three consecutive probes of a flow are lost.
    OutageBegan(Outage),
    /// A probe was answered again.
    OutageEnded(Outage),
    /// During an outage the name was resolved again and has other addresses: from now on this one
    /// is probed.
    AddressChanged {
        /// The endpoint as given, with the name.
        given: Endpoint,
        /// The address that was probed.
        from: Endpoint,
        /// The address that is probed now.
        to: Endpoint,
    },
    /// During an outage fresh source ports were tried, and tell why the flow has no answers.
    FlowDiagnosed {
        /// The flow that has no answers.
        flow: usize,
        /// Why.
        diagnosis: FlowDiagnosis,
    },
    /// The address that a flow sent from is no longer this machine's: the flow was reopened.
    LocalAddressChanged {
        /// Which flow.
        flow: usize,
        /// The address that it sent from.
        from: IpAddr,
        /// The address and port that it sends from now.
        to: SocketAddr,
    },
    /// During an outage smaller messages got through: the MTU of the path is too small, or it drops
    /// fragments.
    OnlyLargeLost {
        /// The flow that has no answers.
        flow: usize,
        /// The largest size that got through, in bytes.
        passed: usize,
        /// The next larger one that was tried, and lost.
        lost: usize,
    },
}

/// Observes a run. `Break` ends it. Targets are counted from 0.
pub trait Observer {
    /// The probing of a target begins.
    fn begin(&mut self, begin: &Begin<'_>) -> ControlFlow<()>;

    /// Something happened to `target`, `at` after the start; `counts` includes it already.
    fn event(
        &mut self,
        target: usize,
        at: Duration,
        event: &Event,
        counts: &Counts,
    ) -> ControlFlow<()>;

    /// The figures of `target` so far, as [requested](super::Control::report).
    fn interim(&mut self, target: usize, summary: &Summary) -> ControlFlow<()>;
}
