//! A probe on its way out, and answers on their way in.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::target::Target;
use crate::ask::diagnosis::{Diagnosis, Problem, diagnose};
use crate::ask::excerpt::AnswerExcerpt;
use crate::ping::arrival::ArrivalKind;
use crate::ping::event::{Event, Observer};
use crate::ping::flow::{self, Reception, Transmission};
use crate::ping::fresh::PORTS;
use crate::ping::loss::Loss;
use bullhorn_socket::QueuedError;
use bullhorn_socket::endpoint::Family;

/// The maximum number of events for each probe sent about answers that no probe waits for (strays,
/// duplicates, late ones from long ago). All of them are counted.
const MAX_UNEXPECTED_EVENTS: u32 = 10;

/// The most sends for one probe: each report about an earlier probe takes one, and more than one is
/// rare.
const MAX_SENDS: usize = 3;

impl Target<'_> {
    pub(super) fn send_probe(
        &mut self,
        intended: Instant,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        if self.ledger.is_full() {
            self.settle_next(true, observer)?;
        }
        let now = Instant::now();
        self.send_lag
            .record(now.saturating_duration_since(intended));
        let number = self.ledger.send(now);
        let flow = self.ledger.flow_of(number);
        self.unexpected_left = MAX_UNEXPECTED_EVENTS;
        if self.flows[flow].outage.current().is_some() {
            self.reopen_lost_sources();
        }
        self.transmit(number, flow, observer)?;
        self.report_new_source(flow, observer)?;
        if self.flows.iter().all(|its| its.outage.current().is_some()) {
            self.name.begin(&self.given, self.settings);
        }
        let outage = self.flows[flow].outage.current();
        if let Some(outage) = outage.filter(|outage| self.fresh.has_room(outage))
            && self.endpoint.family() != Some(Family::Unix)
            && !self.settings.reconnects
            && !self.ledger.has_recent_answer(flow)
        {
            let options = self.settings.connect.clone().with_any_port();
            let new = |_| flow::new(&self.endpoint, &options, self.settings);
            self.fresh.begin(outage, (0..PORTS).map(new), &self.texts);
        }
        self.examine_sizes(flow);
        ControlFlow::Continue(())
    }

    /// Hands the text of probe `number` to the kernel.
    fn transmit(
        &mut self,
        number: u64,
        flow: usize,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        self.texts.write(number, &mut self.text);
        for _ in 0..MAX_SENDS {
            match self.flows[flow].flow.send(number, &self.text) {
                Transmission::Taken => break,
                Transmission::Earlier(queued) => {
                    self.take_path_error(flow, number - 1, &queued, observer)?;
                }
                Transmission::Lost(_) | Transmission::Ended(_) if self.reopen_lost_sources() => {}
                Transmission::Lost(loss) => return self.lose(number, loss, observer),
                Transmission::Ended(loss) => return self.lose_all(flow, &loss, observer),
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes what has arrived, one answer from each flow in turn, until there are no more or `turn`
    /// is over: a peer may send endlessly.
    pub(super) fn receive_all(
        &mut self,
        turn: Duration,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let begun = Instant::now();
        while !self.ready.is_empty() && begun.elapsed() < turn {
            for flow in std::mem::take(&mut self.ready) {
                if self.receive_one(flow, observer)? {
                    self.ready.push(flow);
                }
            }
        }
        let (last, timeout) = (self.ledger.last(), self.settings.timeout);
        let fresh = &mut self.fresh;
        if let Some((flow, diagnosis)) = fresh.advance(&self.texts, last, timeout, &mut self.answer)
            && !self.sizes.gets_through()
        {
            self.report_event(&Event::FlowDiagnosed { flow, diagnosis }, observer)?;
        }
        self.advance_sizes(observer)
    }

    /// Whether there may be more.
    fn receive_one(&mut self, flow: usize, observer: &mut dyn Observer) -> ControlFlow<(), bool> {
        let reception = self.flows[flow].flow.receive(&self.texts, &mut self.answer);
        match reception {
            Reception::Nothing => return ControlFlow::Continue(false),
            Reception::Answer => self.take_answer(flow, observer)?,
            Reception::PathError(queued) => {
                let last = self.ledger.last();
                self.take_path_error(flow, last, &queued, observer)?;
            }
            Reception::Lost(number, loss) => self.lose(number, loss, observer)?,
            Reception::Ended(loss) => self.lose_all(flow, &loss, observer)?,
        }
        ControlFlow::Continue(true)
    }

    /// The connection of `flow` has ended.
    fn lose_all(
        &mut self,
        flow: usize,
        loss: &Loss,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let all: Vec<u64> = self.ledger.outstanding(flow).collect();
        for number in all {
            self.lose(number, loss.clone(), observer)?;
        }
        ControlFlow::Continue(())
    }

    /// Matches what the path reports about a text of `flow` to its probe, up to number `last`. Too
    /// little may have come back to know which; then it is the oldest without an answer.
    fn take_path_error(
        &mut self,
        flow: usize,
        last: u64,
        queued: &QueuedError,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let named = self.texts.number_of(&queued.excerpt, last);
        let oldest = || self.ledger.outstanding(flow).next();
        let number = named.or_else(|| oldest().filter(|oldest| *oldest <= last));
        match number {
            Some(number) => self.lose(number, Loss::Path(queued.error), observer),
            None => ControlFlow::Continue(()),
        }
    }

    /// Matches the answer in the buffer, from `flow`, to its probe and compares it.
    fn take_answer(&mut self, flow: usize, observer: &mut dyn Observer) -> ControlFlow<()> {
        let now = Instant::now();
        let length = self.answer.as_slice().len();
        let named = self
            .texts
            .number_of(self.answer.as_slice(), self.ledger.last());
        let Some(number) = self.number_of_answer(flow, named) else {
            self.ledger.stray(flow);
            let stray = Event::Stray {
                flow,
                length,
                excerpt: AnswerExcerpt::new(self.answer.as_slice(), 0),
            };
            return self.report_unexpected(&stray, observer);
        };
        let problem = self.diagnose(number, named);
        let arrival = self.ledger.answer(number, problem.is_none(), now);
        let connect_time = self.answer.connection().map(|its| its.connect_time);
        // When an answer came while the prober was stopped is unknown.
        let resumed = self.resumed.map(|at| now.saturating_duration_since(at));
        let since_sent = arrival.round_trip;
        let since_sent = since_sent.filter(|it| resumed.is_none_or(|since| *it <= since));
        let round_trip =
            since_sent.map(|since| since.saturating_sub(connect_time.unwrap_or_default()));
        if arrival.kind == ArrivalKind::InTime
            && problem.is_none()
            && let Some(round_trip) = round_trip
        {
            self.record(flow, round_trip);
            if let Some(connect_time) = connect_time {
                self.connect_times.record(connect_time);
            }
        }
        let event = Event::Answer {
            number,
            flow,
            length,
            round_trip,
            connect_time,
            kind: arrival.kind,
            reordered: arrival.reordered,
            problem,
        };
        match (arrival.kind, arrival.round_trip) {
            (ArrivalKind::Duplicate, _) | (_, None) => self.report_unexpected(&event, observer),
            _ => self.report_event(&event, observer),
        }
    }

    /// The probe of `flow` that the answer in the buffer belongs to; `named` is the probe whose
    /// token it begins with.
    fn number_of_answer(&self, flow: usize, named: Option<u64>) -> Option<u64> {
        if let Some(connection) = self.answer.connection() {
            return Some(connection.number);
        }
        let of_this_flow = named.filter(|number| self.ledger.flow_of(*number) == flow);
        of_this_flow.or_else(|| {
            let outstanding = || self.ledger.outstanding(flow);
            let near = self.texts.nearest(self.answer.as_slice(), outstanding());
            // An answer that resembles no text still answers some probe.
            near.or_else(|| outstanding().next())
        })
    }

    /// What is wrong with the answer in the buffer to probe `number`.
    fn diagnose(&mut self, number: u64, named: Option<u64>) -> Option<Diagnosis> {
        let answer = self.answer.as_slice();
        if self.texts.is_right(number, answer) {
            return None;
        }
        let problem = match named.filter(|named| *named != number) {
            Some(number) => Problem::AnotherProbe { number },
            None => {
                self.texts.write(number, &mut self.text);
                self.texts.write_expected(number, &mut self.expected);
                diagnose(&self.text, &self.expected, answer)?
            }
        };
        Some(Diagnosis::new(problem, answer))
    }

    fn record(&mut self, flow: usize, round_trip: Duration) {
        let state = &mut self.flows[flow];
        self.round_trips.record(round_trip);
        state.round_trips.record(round_trip);
        if let Some(last) = state.last_round_trip.replace(round_trip) {
            let difference = last.abs_diff(round_trip);
            self.jitter.record(difference);
            state.jitter.record(difference);
        }
    }
}
