//! What becomes of the probes: lost ones, outages, and who is told.

use std::ops::ControlFlow;
use std::time::Instant;

use super::Engine;
use crate::ping::Loss;
use crate::ping::event::{Event, Observer};
use crate::ping::outage::Change;

impl Engine<'_> {
    pub(super) fn lose(
        &mut self,
        number: u64,
        loss: Loss,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        if !self.ledger.lose(number, &loss) {
            return ControlFlow::Continue(());
        }
        let flow = self.ledger.flow_of(number);
        self.tell(observer, &Event::Lost { number, flow, loss })
    }

    /// Hands on every probe that is settled, in order.
    pub(super) fn settle(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        while self.settle_next(false, observer)? {}
        ControlFlow::Continue(())
    }

    /// Whether there was a settled probe.
    pub(super) fn settle_next(
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
                self.outages.add(outage);
                self.tell(observer, &Event::OutageEnded(outage))?;
            }
            None => {}
        }
        ControlFlow::Continue(true)
    }

    /// Tells of an answer that nobody waits for. A peer may send any number of them, so only the
    /// first few after each probe are told.
    pub(super) fn tell_unexpected(
        &mut self,
        observer: &mut dyn Observer,
        event: &Event,
    ) -> ControlFlow<()> {
        if self.unexpected_left == 0 {
            return ControlFlow::Continue(());
        }
        self.unexpected_left -= 1;
        self.tell(observer, event)
    }

    pub(super) fn tell(&self, observer: &mut dyn Observer, event: &Event) -> ControlFlow<()> {
        observer.event(self.start.elapsed(), event, self.ledger.counts())
    }
}
