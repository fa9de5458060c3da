//! Settles the probes of a target: losses, outages, and the events about them.

use std::ops::ControlFlow;
use std::time::Instant;

use super::target::Target;
use crate::ping::event::{Event, Observer};
use crate::ping::loss::Loss;
use crate::ping::outage::Change;

impl Target<'_> {
    pub(super) fn lose(
        &mut self,
        number: u64,
        loss: Loss,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let flow = self.ledger.flow_of(number);
        let is_new = self.ledger.lose(number, &loss);
        let event = match loss {
            loss if is_new => Event::Lost { number, flow, loss },
            Loss::Path(error) if self.ledger.explain(number, &loss) => Event::LossExplained {
                number,
                flow,
                error,
            },
            _ => return ControlFlow::Continue(()),
        };
        if let Event::Lost {
            loss: Loss::Path(error),
            ..
        }
        | Event::LossExplained { error, .. } = &event
        {
            self.path_errors.add(*error, 1);
        }
        self.report_event(&event, observer)
    }

    /// Processes every settled probe, in order.
    pub(super) fn settle(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        while self.settle_next(false, observer)? {}
        ControlFlow::Continue(())
    }

    /// Whether there was a settled probe. With `force` an outstanding one is lost.
    pub(super) fn settle_next(
        &mut self,
        force: bool,
        observer: &mut dyn Observer,
    ) -> ControlFlow<(), bool> {
        let now = Instant::now();
        let Some(settled) = self.ledger.settle_next(now, force) else {
            return ControlFlow::Continue(false);
        };
        let number = settled.number;
        let flow = self.ledger.flow_of(number);
        if settled.newly_lost {
            let age = now.saturating_duration_since(settled.sent);
            let loss = match self.flows[flow].flow.give_up(number) {
                Loss::Timeout if age < self.settings.timeout => Loss::Displaced,
                loss => loss,
            };
            self.ledger.explain(number, &loss);
            self.report_event(&Event::Lost { number, flow, loss }, observer)?;
        }
        let old = self.flows[flow].flow.as_ref();
        let has_worked = self.ledger.flow_counts(flow).ok > 0;
        let fresh = &mut self.fresh;
        if let Some(diagnosis) = fresh.settle((flow, number), settled.answered, old, has_worked) {
            self.report_event(&Event::FlowDiagnosed { flow, diagnosis }, observer)?;
        }
        let outage = &mut self.flows[flow].outage;
        match outage.settle(number, settled.sent, settled.answered) {
            Some(Change::Began(outage)) => {
                self.report_event(&Event::OutageBegan(outage), observer)?;
            }
            Some(Change::Ended(outage)) => {
                self.outages.add(outage, now);
                self.report_event(&Event::OutageEnded(outage), observer)?;
            }
            None => {}
        }
        ControlFlow::Continue(true)
    }

    /// Reports an answer that no probe waits for. A peer can send any number of them, so only the
    /// first few after each probe are reported.
    pub(super) fn report_unexpected(
        &mut self,
        event: &Event,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        if self.unexpected_left == 0 {
            return ControlFlow::Continue(());
        }
        self.unexpected_left -= 1;
        self.report_event(event, observer)
    }

    pub(super) fn report_event(
        &self,
        event: &Event,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let at = self.start.elapsed();
        observer.event(self.index, at, event, self.ledger.counts())
    }
}
