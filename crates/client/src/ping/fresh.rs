//! During an outage: whether a fresh source port gets through where the old one does not.
//!
//! A firewall or NAT keeps state for each flow. Stale state drops every packet of its flow while a
//! new flow works; the only way to find out is to try.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::flow::{AnswerBuffer, ProbeFlow, Reception, Transmission};
use super::text::ProbeTexts;

/// The numbers of these texts begin here, out of reach of the probes.
const FIRST_NUMBER: u64 = 1 << 63;

/// The most answers received at once: a peer may send endlessly.
const MAX_ANSWERS: usize = 64;

/// The tries of one target, one at a time.
#[derive(Default)]
pub(super) struct FreshPorts {
    current: Option<Try>,
    /// The fresh port had an answer; the next probe of the old flow decides.
    suspicion: Option<Suspicion>,
    /// The outage (its flow and first probe) that is already decided.
    decided: Option<(usize, u64)>,
    pub(super) sent: u64,
    pub(super) answered: u64,
}

struct Try {
    flow: Box<dyn ProbeFlow>,
    number: u64,
    sent: Instant,
    outage: (usize, u64),
}

struct Suspicion {
    outage: (usize, u64),
    /// Probes of the old flow after this one were sent when the fresh port already had its answer.
    after: u64,
    round_trip: Duration,
}

impl FreshPorts {
    /// Whether another try may reveal more about this outage.
    pub(super) fn has_room(&self, outage: (usize, u64)) -> bool {
        self.current.is_none() && self.suspicion.is_none() && self.decided != Some(outage)
    }

    /// Sends a text over `flow`, which is new.
    pub(super) fn begin(
        &mut self,
        mut flow: Box<dyn ProbeFlow>,
        outage: (usize, u64),
        texts: &ProbeTexts,
    ) {
        let number = FIRST_NUMBER + self.sent;
        let mut text = Vec::new();
        texts.write(number, &mut text);
        let sent = Instant::now();
        if matches!(flow.send(number, &text), Transmission::Taken) {
            self.sent += 1;
            self.current = Some(Try {
                flow,
                number,
                sent,
                outage,
            });
        }
    }

    /// Ends a try: the old flow is no longer in use.
    pub(super) fn abandon(&mut self) {
        self.current = None;
        self.suspicion = None;
    }

    pub(super) fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.current.as_ref()?.flow.interest(0)
    }

    /// Receives what has arrived, and gives up on a try that is `timeout` old. `last` is the number
    /// of the last probe sent.
    pub(super) fn advance(
        &mut self,
        texts: &ProbeTexts,
        last: u64,
        timeout: Duration,
        answer: &mut AnswerBuffer,
    ) {
        let Some(current) = &mut self.current else {
            return;
        };
        let is_over = current.sent.elapsed() >= timeout;
        for _ in 0..MAX_ANSWERS {
            match current.flow.receive(texts, answer) {
                Reception::Answer if texts.is_right(current.number, answer.as_slice()) => {
                    self.answered += 1;
                    self.suspicion = Some(Suspicion {
                        outage: current.outage,
                        after: last,
                        round_trip: current.sent.elapsed(),
                    });
                    self.current = None;
                    return;
                }
                Reception::Answer => {}
                Reception::Nothing => break,
                _ => {
                    self.current = None;
                    return;
                }
            }
        }
        if is_over {
            self.current = None;
        }
    }

    /// The next probe of `flow` is settled. Returns the round trip of the fresh port when the old
    /// flow turns out to be dead.
    pub(super) fn settle(&mut self, flow: usize, number: u64, answered: bool) -> Option<Duration> {
        let suspicion = self.suspicion.as_ref()?;
        if suspicion.outage.0 != flow || (number <= suspicion.after && !answered) {
            return None;
        }
        let Suspicion {
            outage, round_trip, ..
        } = self.suspicion.take()?;
        self.decided = Some(outage);
        (!answered).then_some(round_trip)
    }
}
