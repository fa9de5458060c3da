//! A probe on its way out, and answers on their way in.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Engine, MAX_UNEXPECTED_EVENTS, TURN};
use crate::ask::diagnosis::{Problem, diagnose};
use crate::ping::Loss;
use crate::ping::event::{Event, Observer};
use crate::ping::flow::{Reception, Transmission};
use crate::ping::ledger::ArrivalKind;
use bullhorn_socket::endpoint::Family;

impl Engine<'_> {
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
                    let loss = Loss::Unsent(bullhorn_socket::error::plain(&error));
                    self.lose(number, loss, observer)?;
                    break;
                }
            }
        }
        let outage = self.flows[flow].outage.current();
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

    /// Takes what has come, an answer from each flow in turn, until there is no more or the turn is
    /// over: a peer may send without an end.
    pub(super) fn receive_all(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        let begun = Instant::now();
        while !self.ready.is_empty() && begun.elapsed() < TURN {
            let ready = std::mem::take(&mut self.ready);
            for flow in ready {
                if self.receive_one(flow, observer)? {
                    self.ready.push(flow);
                }
            }
        }
        let (last, timeout) = (self.ledger.last(), self.settings.timeout);
        self.fresh
            .advance(&self.texts, last, timeout, &mut self.answer);
        ControlFlow::Continue(())
    }

    /// Whether there may be more.
    fn receive_one(&mut self, flow: usize, observer: &mut dyn Observer) -> ControlFlow<(), bool> {
        let reception = self.flows[flow].flow.receive(&self.texts, &mut self.answer);
        match reception {
            Reception::Nothing => return ControlFlow::Continue(false),
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
        ControlFlow::Continue(true)
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
            return self.tell_unexpected(observer, &Event::Stray { flow, length });
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
        match (arrival.kind, arrival.round_trip) {
            (ArrivalKind::Duplicate, _) | (_, None) => self.tell_unexpected(observer, &event),
            _ => self.tell(observer, &event),
        }
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
}
