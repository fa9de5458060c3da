//! One run: sends what is due, takes what has come, and waits for whichever is next.

use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use super::diagnosis::diagnose;
use super::event::{Begin, Event, Observer};
use super::flow::{self, Flow, Reception, Transmission};
use super::fresh::FreshPorts;
use super::latency::{Distribution, Jitter};
use super::ledger::{ArrivalKind, Ledger};
use super::outage::{Change, OutageTracker, Outages};
use super::schedule::Schedule;
use super::summary::{FlowSummary, Summary};
use super::text::ProbeTexts;
use super::{Behaviour, Control, Loss, PROBES_BEFORE_SILENCE, Problem, Settings};
use crate::endpoint::{Endpoint, Family};
use crate::error::{Error, Operation, Result};
use crate::socket::sys::PollSet;

pub(super) struct Engine<'a> {
    endpoint: Endpoint,
    settings: &'a Settings,
    control: &'a Control,
    texts: ProbeTexts,
    ledger: Ledger,
    flows: Vec<Lane>,
    start: Instant,
    round_trips: Distribution,
    jitter: Jitter,
    send_lag: Distribution,
    outages: Outages,
    fresh: FreshPorts,
    text: Vec<u8>,
    expected: Vec<u8>,
    answer: Vec<u8>,
    /// The flows on which the last wait found something.
    ready: Vec<usize>,
}

/// A flow with its figures.
struct Lane {
    flow: Box<dyn Flow>,
    round_trips: Distribution,
    last_round_trip: Option<Duration>,
    jitter: Jitter,
    outage: OutageTracker,
}

impl<'a> Engine<'a> {
    pub(super) fn new(
        endpoint: Endpoint,
        settings: &'a Settings,
        texts: ProbeTexts,
        control: &'a Control,
    ) -> Self {
        let mut engine = Self {
            endpoint,
            settings,
            control,
            texts,
            ledger: Ledger::new(settings.flows, settings.timeout),
            flows: Vec::new(),
            start: Instant::now(),
            round_trips: Distribution::default(),
            jitter: Jitter::default(),
            send_lag: Distribution::default(),
            outages: Outages::default(),
            fresh: FreshPorts::default(),
            text: Vec::new(),
            expected: Vec::new(),
            answer: Vec::new(),
            ready: Vec::new(),
        };
        for index in 0..settings.flows {
            let flow = engine.new_flow();
            engine.flows.push(Lane {
                flow,
                round_trips: Distribution::default(),
                last_round_trip: None,
                jitter: Jitter::default(),
                outage: OutageTracker::new(index),
            });
        }
        engine
    }

    fn new_flow(&self) -> Box<dyn Flow> {
        flow::new(
            &self.endpoint,
            self.settings.timeout,
            self.texts.line_ends(),
            self.texts.expected_length(),
        )
    }

    pub(super) fn run(mut self, observer: &mut dyn Observer) -> Result<Summary> {
        self.open_flows()?;
        self.start = Instant::now();
        let begin = Begin {
            endpoint: &self.endpoint,
            start: self.start,
            started_at: SystemTime::now(),
            text_length: self.texts.text_length(),
            interval: self.settings.interval,
            flows: self.settings.flows,
        };
        if observer.begin(&begin).is_continue() {
            self.probe(observer)?;
        }
        let lasting = self.flows.iter().filter_map(|lane| lane.outage.lasting());
        let lasting: Vec<_> = lasting.copied().collect();
        for outage in lasting {
            self.outages.enter(outage);
        }
        Ok(self.summary())
    }

    /// Connects all flows before the first probe, so that it is not charged for it. A refusal is no
    /// failure here: it is what probing is to show.
    fn open_flows(&mut self) -> Result<()> {
        for lane in &mut self.flows {
            match lane.flow.open() {
                Ok(()) | Err(Error::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let deadline = Instant::now() + self.settings.timeout;
        while self.flows.iter().any(|lane| lane.flow.is_opening()) && !self.control.is_stopped() {
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                break;
            }
            self.wait(Some(patience))?;
            for lane in &mut self.flows {
                // Nobody has spoken, so nothing can come but the connection's own fate.
                lane.flow.receive(&mut self.answer);
            }
        }
        Ok(())
    }

    fn probe(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let settings = self.settings;
        let count = match (settings.count, settings.expect) {
            (None, Some(_)) => Some(PROBES_BEFORE_SILENCE),
            (count, _) => count,
        };
        let mut schedule = Schedule::new(self.start, settings.interval, count);
        let deadline = settings.deadline.map(|deadline| self.start + deadline);
        let mut settled_since = None;
        loop {
            if self.control.take_report() && observer.interim(&self.summary()).is_break() {
                return Ok(());
            }
            let now = Instant::now();
            if self.control.is_stopped() || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(());
            }
            if let Some(intended) = schedule.take_due(now)
                && self.send_probe(intended, observer).is_break()
            {
                return Ok(());
            }
            if self.receive_all(observer).is_break() || self.settle(observer).is_break() {
                return Ok(());
            }
            let behaviour = Behaviour::of(self.ledger.counts());
            if settings.expect.is_some() && behaviour.is_some() {
                return Ok(());
            }
            let mut next = [schedule.next_due(), self.ledger.next_overdue(), deadline];
            if schedule.next_due().is_none() && self.ledger.counts().pending == 0 {
                let since = *settled_since.get_or_insert_with(Instant::now);
                let end = since + settings.linger;
                if settings.expect.is_some() || end <= Instant::now() {
                    return Ok(());
                }
                next[1] = Some(end);
            }
            let next = next.into_iter().flatten().min();
            self.wait(next.map(|next| next.saturating_duration_since(Instant::now())))?;
        }
    }

    /// Waits for something to come on a flow or from the control.
    fn wait(&mut self, patience: Option<Duration>) -> Result<()> {
        let mut poll = PollSet::default();
        let control = poll.add(self.control.as_fd(), true, false);
        if let Some((descriptor, waits_to_write)) = self.fresh.interest() {
            poll.add(descriptor, true, waits_to_write);
        }
        let mut places = Vec::with_capacity(self.flows.len());
        for (index, lane) in self.flows.iter().enumerate() {
            if let Some((descriptor, waits_to_write)) = lane.flow.interest() {
                places.push((index, poll.add(descriptor, true, waits_to_write)));
            }
        }
        poll.wait(patience)
            .map_err(|source| Error::socket(Operation::Receive, &self.endpoint, source))?;
        if poll.ready(control).to_read {
            self.control.clear();
        }
        let is_ready = |place| {
            let ready = poll.ready(place);
            ready.to_read || ready.to_write
        };
        places.retain(|(_, place)| is_ready(*place));
        drop(poll);
        self.ready.clear();
        self.ready
            .extend(places.into_iter().map(|(index, _)| index));
        Ok(())
    }

    fn send_probe(&mut self, intended: Instant, observer: &mut dyn Observer) -> ControlFlow<()> {
        if self.ledger.is_full() {
            self.settle_next(true, observer)?;
        }
        let now = Instant::now();
        self.send_lag
            .record(now.saturating_duration_since(intended));
        let number = self.ledger.send(now);
        let flow = self.ledger.flow_of(number);
        self.texts.write(number, &mut self.text);
        // Each refusal of an earlier one can be told once; more than one is rare.
        for _ in 0..3 {
            match self.flows[flow].flow.send(&self.text) {
                Transmission::Taken => break,
                Transmission::EarlierRefused => {
                    let earlier = self.ledger.outstanding(flow).next();
                    if let Some(earlier) = earlier.filter(|earlier| *earlier < number) {
                        self.lose(earlier, Loss::Refused, observer)?;
                    }
                }
                Transmission::Refused => {
                    self.lose(number, Loss::Refused, observer)?;
                    break;
                }
                Transmission::Failed(error) => {
                    let loss = Loss::Unsent(crate::error::plain(&error));
                    self.lose(number, loss, observer)?;
                    break;
                }
            }
        }
        let outage = self.flows[flow].outage.lasting();
        let outage = outage.map(|outage| (flow, outage.first_number));
        if let Some(outage) = outage.filter(|outage| self.fresh.has_room(*outage))
            && self.endpoint.family() != Some(Family::Unix)
            && !self.ledger.is_answered_lately(flow)
        {
            let fresh = self.new_flow();
            self.fresh.begin(fresh, outage, &self.texts);
        }
        ControlFlow::Continue(())
    }

    fn receive_all(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        for flow in std::mem::take(&mut self.ready) {
            loop {
                let reception = self.flows[flow].flow.receive(&mut self.answer);
                match reception {
                    Reception::Nothing => break,
                    Reception::Answer => self.take_answer(flow, observer)?,
                    Reception::OneRefused => {
                        let oldest = self.ledger.outstanding(flow).next();
                        if let Some(oldest) = oldest {
                            self.lose(oldest, Loss::Refused, observer)?;
                        }
                    }
                    Reception::AllRefused | Reception::AllLost => {
                        let loss = match reception {
                            Reception::AllRefused => Loss::Refused,
                            _ => Loss::Closed,
                        };
                        let all: Vec<u64> = self.ledger.outstanding(flow).collect();
                        for number in all {
                            self.lose(number, loss.clone(), observer)?;
                        }
                    }
                }
            }
        }
        let (last, timeout) = (self.ledger.last(), self.settings.timeout);
        self.fresh
            .advance(&self.texts, last, timeout, &mut self.answer);
        ControlFlow::Continue(())
    }

    /// The answer in the buffer, from `flow`.
    fn take_answer(&mut self, flow: usize, observer: &mut dyn Observer) -> ControlFlow<()> {
        let now = Instant::now();
        let named = self.texts.number_of(&self.answer, self.ledger.last());
        let of_this_flow = named.filter(|number| self.ledger.flow_of(*number) == flow);
        let of_another = named.filter(|_| of_this_flow.is_none());
        let number = of_this_flow.or_else(|| {
            let outstanding = || self.ledger.outstanding(flow);
            let near = self.texts.nearest(&self.answer, outstanding());
            // An answer without any likeness is still an answer to something.
            near.or_else(|| outstanding().next())
        });
        let length = self.answer.len();
        let Some(number) = number else {
            self.ledger.stray(flow);
            return self.tell(observer, &Event::Stray { flow, length });
        };
        let problem = if self.texts.is_right(number, &self.answer) {
            None
        } else if let Some(number) = of_another {
            Some(Problem::AnotherProbe { number })
        } else {
            self.texts.write(number, &mut self.text);
            self.texts.write_expected(number, &mut self.expected);
            diagnose(&self.text, &self.expected, &self.answer)
        };
        let arrival = self.ledger.answer(number, problem.is_none(), now);
        if arrival.kind == ArrivalKind::InTime
            && problem.is_none()
            && let Some(round_trip) = arrival.round_trip
        {
            self.record(flow, round_trip);
        }
        let event = Event::Answer {
            number,
            flow,
            length,
            round_trip: arrival.round_trip,
            kind: arrival.kind,
            reordered: arrival.reordered,
            problem,
        };
        self.tell(observer, &event)
    }

    fn record(&mut self, flow: usize, round_trip: Duration) {
        let lane = &mut self.flows[flow];
        self.round_trips.record(round_trip);
        lane.round_trips.record(round_trip);
        if let Some(last) = lane.last_round_trip.replace(round_trip) {
            let difference = last.abs_diff(round_trip);
            self.jitter.record(difference);
            lane.jitter.record(difference);
        }
    }

    fn lose(&mut self, number: u64, loss: Loss, observer: &mut dyn Observer) -> ControlFlow<()> {
        if !self.ledger.lose(number, &loss) {
            return ControlFlow::Continue(());
        }
        let flow = self.ledger.flow_of(number);
        self.tell(observer, &Event::Lost { number, flow, loss })
    }

    /// Hands on every probe that is settled, in order.
    fn settle(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        while self.settle_next(false, observer)? {}
        ControlFlow::Continue(())
    }

    /// Whether there was a settled probe.
    fn settle_next(
        &mut self,
        now_or_never: bool,
        observer: &mut dyn Observer,
    ) -> ControlFlow<(), bool> {
        let now = Instant::now();
        let Some(settled) = self.ledger.settle_next(now, now_or_never) else {
            return ControlFlow::Continue(false);
        };
        let number = settled.number;
        let flow = self.ledger.flow_of(number);
        if settled.newly_lost {
            let loss = if now.saturating_duration_since(settled.sent) >= self.settings.timeout {
                Loss::Timeout
            } else {
                Loss::Displaced
            };
            self.tell(observer, &Event::Lost { number, flow, loss })?;
        }
        if let Some(round_trip) = self.fresh.settle(flow, number, settled.answered) {
            self.tell(observer, &Event::StaleFlow { flow, round_trip })?;
        }
        let outage = &mut self.flows[flow].outage;
        match outage.settle(number, settled.sent, settled.answered) {
            Some(Change::Began(outage)) => self.tell(observer, &Event::OutageBegan(outage))?,
            Some(Change::Ended(outage)) => {
                self.outages.enter(outage);
                self.tell(observer, &Event::OutageEnded(outage))?;
            }
            None => {}
        }
        ControlFlow::Continue(true)
    }

    fn tell(&self, observer: &mut dyn Observer, event: &Event) -> ControlFlow<()> {
        observer.event(self.start.elapsed(), event, self.ledger.counts())
    }

    fn summary(&self) -> Summary {
        Summary {
            endpoint: self.endpoint.clone(),
            start: self.start,
            elapsed: self.start.elapsed(),
            counts: *self.ledger.counts(),
            round_trips: self.round_trips.figures(),
            jitter_ns: self.jitter.estimate_ns(),
            send_lag: self.send_lag.figures(),
            local_drops: self.flows.iter().map(|lane| lane.flow.local_drops()).sum(),
            outages: self.outages.clone(),
            fresh_sent: self.fresh.sent,
            fresh_answered: self.fresh.answered,
            flows: self
                .flows
                .iter()
                .enumerate()
                .map(|(index, lane)| FlowSummary {
                    counts: *self.ledger.flow_counts(index),
                    round_trips: lane.round_trips.figures(),
                    jitter_ns: lane.jitter.estimate_ns(),
                })
                .collect(),
        }
    }
}
