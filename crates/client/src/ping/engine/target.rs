//! One target of a run: its schedule, its probes, its flows and its figures.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime};

use crate::ask::latency::Latency;
use crate::ask::path_errors::PathErrors;
use crate::ping::behaviour::Behaviour;
use crate::ping::event::{Begin, Event, Observer};
use crate::ping::flow::{self, AnswerBuffer, ProbeFlow};
use crate::ping::fresh::FreshPorts;
use crate::ping::jitter::Jitter;
use crate::ping::ledger::Ledger;
use crate::ping::name::NameResolver;
use crate::ping::outage::{OutageTracker, Outages};
use crate::ping::schedule::{Schedule, Skipped};
use crate::ping::settings::Settings;
use crate::ping::sizes::Sizes;
use crate::ping::summary::{FlowSummary, Summary};
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Result};

pub(in crate::ping) struct Target<'a> {
    /// Of this target in the run.
    pub(super) index: usize,
    pub(super) given: Endpoint,
    pub(super) endpoint: Endpoint,
    pub(super) settings: &'a Settings,
    pub(super) texts: ProbeTexts,
    pub(super) start: Instant,
    schedule: Schedule,
    /// When the prober went on after it was last stopped or held up.
    pub(super) resumed: Option<Instant>,
    pub(super) ledger: Ledger,
    pub(super) flows: Vec<FlowState>,
    pub(super) round_trips: Latency,
    pub(super) connect_times: Latency,
    pub(super) jitter: Jitter,
    pub(super) send_lag: Latency,
    pub(super) path_errors: PathErrors,
    pub(super) outages: Outages,
    pub(super) fresh: FreshPorts,
    pub(super) sizes: Sizes,
    pub(super) name: NameResolver,
    pub(super) sources_checked: Option<Instant>,
    /// Of the flows to earlier addresses.
    pub(super) earlier_drops: u64,
    pub(super) text: Vec<u8>,
    pub(super) expected: Vec<u8>,
    pub(super) answer: AnswerBuffer,
    /// The flows that may have more, in ascending order: the last wait found something there, and
    /// no read since then came back empty.
    pub(super) ready: Vec<usize>,
    /// How many more events may be reported for answers that no probe waits for.
    pub(super) unexpected_left: u32,
    /// When the last probe was settled.
    settled_since: Option<Instant>,
    is_done: bool,
}

/// A flow with its figures.
pub(super) struct FlowState {
    pub(super) flow: Box<dyn ProbeFlow>,
    pub(super) round_trips: Latency,
    pub(super) last_round_trip: Option<Duration>,
    pub(super) jitter: Jitter,
    pub(super) outage: OutageTracker,
    /// The source address that this machine no longer has, until the flow has another.
    pub(super) lost_source: Option<IpAddr>,
}

impl<'a> Target<'a> {
    /// `given` is what `endpoint` is an address of.
    pub(in crate::ping) fn new(
        index: usize,
        given: &Endpoint,
        endpoint: Endpoint,
        settings: &'a Settings,
        texts: ProbeTexts,
    ) -> Self {
        let start = Instant::now();
        let flows = (0..settings.flows).map(|index| FlowState {
            flow: flow::new(&endpoint, &settings.connect, settings),
            round_trips: Latency::default(),
            last_round_trip: None,
            jitter: Jitter::default(),
            outage: OutageTracker::new(index),
            lost_source: None,
        });
        Self {
            index,
            given: given.clone(),
            flows: flows.collect(),
            endpoint,
            settings,
            texts,
            start,
            schedule: Schedule::new(start, settings.probe_interval(), settings.probe_count()),
            resumed: None,
            ledger: Ledger::new(settings.flows, settings.timeout, settings.probe_interval()),
            round_trips: Latency::default(),
            connect_times: Latency::default(),
            jitter: Jitter::default(),
            send_lag: Latency::default(),
            path_errors: PathErrors::default(),
            outages: Outages::default(),
            fresh: FreshPorts::default(),
            sizes: Sizes::default(),
            name: NameResolver::default(),
            sources_checked: None,
            earlier_drops: 0,
            text: Vec::new(),
            expected: Vec::new(),
            answer: AnswerBuffer::default(),
            ready: Vec::new(),
            unexpected_left: 0,
            settled_since: None,
            is_done: false,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// What the path reports is not a failure here: reporting it is the purpose of probing.
    pub(super) fn open_flows(&mut self) -> Result<()> {
        for state in &mut self.flows {
            match state.flow.open() {
                Ok(()) | Err(Error::Path { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a flow is still connecting.
    pub(super) fn is_opening(&self) -> bool {
        self.flows.iter().any(|state| state.flow.is_opening())
    }

    /// Continues connecting. Nothing has been sent, so no answer can arrive.
    pub(super) fn advance_flows(&mut self) {
        for state in &mut self.flows {
            state.flow.receive(&self.texts, &mut self.answer);
        }
    }

    /// The first probe is due at `start`.
    pub(super) fn begin(
        &mut self,
        start: Instant,
        started_at: SystemTime,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let settings = self.settings;
        self.start = start;
        self.schedule = Schedule::new(start, settings.probe_interval(), settings.probe_count());
        observer.begin(&Begin {
            target: self.index,
            given: &self.given,
            endpoint: &self.endpoint,
            start,
            started_at,
            text_length: self.texts.text_length(),
            interval: settings.probe_interval(),
            flows: settings.flows,
            sources: self.flows.iter().map(|it| it.flow.source()).collect(),
            reconnects: settings.reconnects,
        })
    }

    /// Sends, receives and settles what is due, and returns when something will be next. Receiving
    /// takes at most `turn`.
    pub(super) fn advance(
        &mut self,
        turn: Duration,
        observer: &mut dyn Observer,
    ) -> ControlFlow<(), Option<Instant>> {
        if self.is_done {
            return ControlFlow::Continue(None);
        }
        self.follow_name(observer)?;
        let now = Instant::now();
        if let Some(skipped) = self.schedule.skip_missed(now) {
            self.resumed = Some(now);
            let Skipped { probes, delay } = skipped;
            self.report_event(&Event::Skipped { probes, delay }, observer)?;
        }
        if let Some(intended) = self.schedule.take_due(now) {
            self.send_probe(intended, observer)?;
        }
        self.receive_all(turn, observer)?;
        self.settle(observer)?;
        let expects = self.settings.expect.is_some();
        self.is_done = expects && Behaviour::of(self.ledger.counts()).is_some();
        let mut next = self.ledger.next_overdue();
        if self.schedule.next_due().is_none() && self.ledger.counts().pending == 0 {
            let now = Instant::now();
            let end = *self.settled_since.get_or_insert(now) + self.settings.linger;
            self.is_done |= expects || end <= now;
            next = Some(end);
        }
        let fresh = self.fresh.next_overdue(self.settings.timeout);
        let due = [self.schedule.next_due(), self.sizes.due(), fresh];
        let next = next.into_iter().chain(due.into_iter().flatten()).min();
        ControlFlow::Continue(next.filter(|_| !self.is_done))
    }

    /// Whether the run has nothing more to do here.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// What to wait for: a flow (`None` for anything else), its descriptor, and whether to wait for
    /// room to write too.
    pub(super) fn interest(&self) -> impl Iterator<Item = (Option<usize>, BorrowedFd<'_>, bool)> {
        let flows = self.flows.iter().enumerate().flat_map(|(flow, state)| {
            let interests = (0..).map_while(|index| state.flow.interest(index));
            interests.map(move |interest| (Some(flow), interest))
        });
        let others = [
            self.sizes.interest(),
            self.name.interest().map(|done| (done, false)),
        ];
        let others = others.into_iter().flatten().chain(self.fresh.interest());
        let others = others.map(|other| (None, other));
        let all = flows.chain(others).filter(|_| !self.is_done);
        all.map(|(flow, (descriptor, to_write))| (flow, descriptor, to_write))
    }

    pub(super) fn has_ready_flow(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn is_flow_ready(&self, flow: usize) -> bool {
        self.ready.binary_search(&flow).is_ok()
    }

    pub(super) fn clear_ready(&mut self) {
        self.ready.clear();
    }

    /// Notes that `flow` may have answers. Flows are added in ascending order.
    pub(super) fn add_ready(&mut self, flow: usize) {
        self.ready.push(flow);
    }

    pub(super) fn report(&self, observer: &mut dyn Observer) -> ControlFlow<()> {
        observer.interim(self.index, &self.summary())
    }

    pub(super) fn finish(self) -> Summary {
        self.summary()
    }

    fn summary(&self) -> Summary {
        let elapsed = self.start.elapsed();
        let mut outages = self.outages.clone();
        for outage in self.flows.iter().filter_map(|it| it.outage.current()) {
            outages.add(*outage, self.start + elapsed);
        }
        let flows = self.flows.iter().enumerate();
        let flows = flows.map(|(index, state)| FlowSummary {
            source: state.flow.source(),
            counts: *self.ledger.flow_counts(index),
            round_trips: state.round_trips.summary(),
            jitter_ns: state.jitter.estimate_ns(),
        });
        let drops = self.flows.iter().map(|state| state.flow.local_drops());
        Summary {
            given: self.given.clone(),
            endpoint: self.endpoint.clone(),
            start: self.start,
            elapsed,
            counts: *self.ledger.counts(),
            round_trips: self.round_trips.summary(),
            connect_times: self.connect_times.summary(),
            jitter_ns: self.jitter.estimate_ns(),
            send_lag: self.send_lag.summary(),
            skipped: self.schedule.skipped(),
            local_drops: self.earlier_drops + drops.sum::<u64>(),
            path_errors: self.path_errors.as_slice().to_vec(),
            outages,
            fresh_sent: self.fresh.sent,
            fresh_answered: self.fresh.answered,
            sizes_sent: self.sizes.sent,
            sizes_answered: self.sizes.answered,
            flows: flows.collect(),
        }
    }
}
