//! During an outage: how many of eight fresh source ports get through where the old flow does not.
//!
//! A firewall or NAT keeps state for each flow; stale state swallows every packet of its flow while
//! any new flow works. A balanced path or a load balancer with a dead leg swallows some of the new
//! flows as well. The only way to know is to try.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::flow::{AnswerBuffer, ProbeFlow, Reception, Transmission};
use super::loss::Loss;
use super::outage::{MIN_LOST, Outage};
use super::text::ProbeTexts;
use crate::ask::flow_diagnosis::{FlowDiagnosis, FlowEvidence};
use bullhorn_socket::PathOutcome;

/// The source ports of a round. With half of the paths dead, one round in 256 finds all of them
/// alive.
pub(super) const PORTS: usize = 8;

/// A source port without an answer to this many texts gets none, as in an outage.
const MAX_TRIES: u64 = MIN_LOST;

/// From the beginning of one round to the next.
const ROUND_INTERVAL: Duration = Duration::from_secs(5);

/// The numbers of these texts begin here, out of reach of the probes.
const FIRST_NUMBER: u64 = 1 << 63;

/// The maximum number of answers taken at once: a peer may send without end.
const MAX_ANSWERS: usize = 64;

/// The rounds of one target, one at a time.
#[derive(Default)]
pub(super) struct FreshPorts {
    round: Option<Round>,
    begun: Option<Instant>,
    finding: Option<Finding>,
    /// The outage of each flow, by its first probe, whose cause is known.
    decided: HashMap<usize, u64>,
    /// The last round found that nothing gets through.
    is_down: bool,
    pub(super) sent: u64,
    pub(super) answered: u64,
}

/// A flow and the first probe of its outage.
type Key = (usize, u64);

struct Round {
    outage: Key,
    /// Those that may still get an answer.
    ports: Vec<Port>,
    tried: usize,
    answered: usize,
    /// The shortest.
    round_trip: Option<Duration>,
}

struct Port {
    flow: Box<dyn ProbeFlow>,
    number: u64,
    first_sent: Instant,
    last_sent: Instant,
    tries: u64,
}

/// Some fresh ports got answers; the next probe of the old flow decides.
struct Finding {
    outage: Key,
    tried: usize,
    answered: usize,
    round_trip: Option<Duration>,
    /// Probes of the old flow after this one were sent when the fresh ports already had answers.
    after: u64,
    /// The connection that the old flow had then, and how often it had retransmitted.
    connection: Option<(Option<SocketAddr>, u32)>,
}

impl FreshPorts {
    /// Whether another round may say more about this outage.
    pub(super) fn has_room(&self, outage: &Outage) -> bool {
        let is_recent = |begun: Instant| begun.elapsed() < ROUND_INTERVAL;
        self.round.is_none()
            && self.finding.is_none()
            && self.decided.get(&outage.flow) != Some(&outage.first_number)
            && !self.begun.is_some_and(is_recent)
    }

    /// Sends a text over each of `flows`, which are new.
    pub(super) fn begin(
        &mut self,
        outage: &Outage,
        flows: impl Iterator<Item = Box<dyn ProbeFlow>>,
        texts: &ProbeTexts,
    ) {
        let now = Instant::now();
        self.begun = Some(now);
        let mut round = Round {
            outage: (outage.flow, outage.first_number),
            ports: Vec::with_capacity(PORTS),
            tried: 0,
            answered: 0,
            round_trip: None,
        };
        for flow in flows {
            let mut port = Port {
                flow,
                number: FIRST_NUMBER + self.sent,
                first_sent: now,
                last_sent: now,
                tries: 0,
            };
            match port.send(texts) {
                Transmission::Taken => round.ports.push(port),
                Transmission::Lost(Loss::Path(error)) | Transmission::Ended(Loss::Path(error))
                    if error.outcome() == PathOutcome::Refused => {}
                // That our own kernel does not send says nothing about the path.
                _ => continue,
            }
            self.sent += 1;
            round.tried += 1;
        }
        self.round = (round.tried > 0).then_some(round);
    }

    /// Ends a round: the old flow is no longer in use.
    pub(super) fn abandon(&mut self) {
        self.round = None;
        self.finding = None;
    }

    pub(super) fn interest(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let ports = self.round.iter().flat_map(|round| &round.ports);
        ports.filter_map(|port| port.flow.interest(0))
    }

    /// When a port has waited for `timeout`.
    pub(super) fn next_overdue(&self, timeout: Duration) -> Option<Instant> {
        let ports = self.round.iter().flat_map(|round| &round.ports);
        ports.map(|port| port.last_sent + timeout).min()
    }

    /// Takes what has arrived, and sends again where nothing has for `timeout`. `last` is the number
    /// of the last probe sent. Returns a flow and its diagnosis when nothing gets through, once
    /// until something does again.
    pub(super) fn advance(
        &mut self,
        texts: &ProbeTexts,
        last: u64,
        timeout: Duration,
        answer: &mut AnswerBuffer,
    ) -> Option<(usize, FlowDiagnosis)> {
        let round = self.round.as_mut()?;
        let answered_before = round.answered;
        round.advance(texts, timeout, answer);
        self.answered += (round.answered - answered_before) as u64;
        if !round.ports.is_empty() {
            return None;
        }
        let Round {
            outage,
            tried,
            answered,
            round_trip,
            ..
        } = self.round.take()?;
        if answered > 0 {
            self.is_down = false;
            self.finding = Some(Finding {
                outage,
                tried,
                answered,
                round_trip,
                after: last,
                connection: None,
            });
            return None;
        }
        let evidence = FlowEvidence {
            tried,
            answered,
            has_worked: false,
            is_acknowledged: false,
        };
        let is_news = !std::mem::replace(&mut self.is_down, true);
        is_news.then(|| (outage.0, FlowDiagnosis::new(evidence, None)))
    }

    /// The next probe of a flow, which is `old`, is settled; `has_worked` is whether the flow ever
    /// got a right answer. Returns the diagnosis of a flow that turns out to be dead.
    pub(super) fn settle(
        &mut self,
        (flow, number): (usize, u64),
        answered: bool,
        old: &dyn ProbeFlow,
        has_worked: bool,
    ) -> Option<FlowDiagnosis> {
        if answered {
            self.is_down = false;
            self.round.take_if(|round| round.outage.0 == flow);
            self.finding.take_if(|finding| finding.outage.0 == flow);
            return None;
        }
        let finding = self.finding.as_mut()?;
        if finding.outage.0 != flow || number <= finding.after || !finding.was_tried_since(old) {
            return None;
        }
        let finding = self.finding.take()?;
        self.decided.insert(flow, finding.outage.1);
        let evidence = FlowEvidence {
            tried: finding.tried,
            answered: finding.answered,
            has_worked,
            is_acknowledged: old
                .progress()
                .is_some_and(|its| its.is_established && its.unacknowledged == 0),
        };
        Some(FlowDiagnosis::new(evidence, finding.round_trip))
    }
}

impl Round {
    fn advance(&mut self, texts: &ProbeTexts, timeout: Duration, answer: &mut AnswerBuffer) {
        self.ports.retain_mut(|port| {
            match port.receive(texts, answer) {
                Some(true) => {
                    let round_trip = port.first_sent.elapsed();
                    self.answered += 1;
                    self.round_trip = self.round_trip.into_iter().chain([round_trip]).min();
                    return false;
                }
                Some(false) => return false,
                None => {}
            }
            if port.last_sent.elapsed() < timeout {
                return true;
            }
            port.tries < MAX_TRIES && port.repeat(texts)
        });
    }
}

impl Port {
    fn send(&mut self, texts: &ProbeTexts) -> Transmission {
        let mut text = Vec::new();
        texts.write(self.number, &mut text);
        self.tries += 1;
        self.last_sent = Instant::now();
        self.flow.send(self.number, &text)
    }

    /// Waits once more, after sending again what our own kernel does not repeat. Returns whether an
    /// answer may still come.
    fn repeat(&mut self, texts: &ProbeTexts) -> bool {
        if self.flow.progress().is_none() {
            return matches!(self.send(texts), Transmission::Taken);
        }
        // Another connection would have another port.
        self.tries += 1;
        self.last_sent = Instant::now();
        true
    }

    /// Whether it got the right answer; `None` while that is open.
    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Option<bool> {
        for _ in 0..MAX_ANSWERS {
            match self.flow.receive(texts, answer) {
                Reception::Answer if texts.is_right(self.number, answer.as_slice()) => {
                    return Some(true);
                }
                Reception::Answer => {}
                Reception::Nothing => return None,
                _ => return Some(false),
            }
        }
        None
    }
}

impl Finding {
    /// Whether the path has had a packet of the old flow since the fresh ports got their answers.
    ///
    /// Each datagram is one. What a connection has not got through waits for the kernel's next
    /// retransmission, which after a long outage is minutes away (RFC 6298, section 5), and which a
    /// peer that has restarted answers with a reset.
    fn was_tried_since(&mut self, old: &dyn ProbeFlow) -> bool {
        let Some(progress) = old.progress() else {
            return true;
        };
        let now = (old.source(), progress.retransmissions);
        let then = *self.connection.get_or_insert(now);
        if !progress.is_established || then.0 != now.0 {
            // Another connection takes its place, from a fresh port itself.
            self.connection = None;
            return false;
        }
        progress.unacknowledged == 0 || now.1 > then.1
    }
}
