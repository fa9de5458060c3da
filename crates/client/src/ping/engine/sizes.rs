//! Whether the size of the probes explains an outage.

use std::ops::ControlFlow;

use super::target::Target;
use crate::ping::event::{Event, Observer};
use crate::ping::flow;
use bullhorn_socket::endpoint::Family;

impl Target<'_> {
    /// Tries smaller messages when `flow` has an outage.
    pub(super) fn examine_sizes(&mut self, flow: usize) {
        let Some(outage) = self.flows[flow].outage.current() else {
            return;
        };
        let outage = (flow, outage.first_number);
        let length = self.texts.text_length();
        if self.sizes.has_room(outage, length)
            && self.endpoint.family() != Some(Family::Unix)
            && !self.ledger.has_recent_answer(flow)
        {
            let options = self.settings.connect.clone().with_any_port();
            let fresh = flow::new(&self.endpoint, &options, self.settings);
            let filler = self.settings.filler.as_deref();
            self.sizes.begin(fresh, outage, length, filler);
        }
    }

    /// Continues, and reports a limit if the outage lasts that it explains.
    pub(super) fn advance_sizes(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        let timeout = self.settings.timeout;
        let Some(limit) = self.sizes.advance(timeout, &mut self.answer) else {
            return ControlFlow::Continue(());
        };
        let (flow, first) = limit.outage;
        let current = self.flows[flow].outage.current();
        if current.is_none_or(|outage| outage.first_number != first)
            || self.ledger.has_recent_answer(flow)
        {
            return ControlFlow::Continue(());
        }
        let event = Event::OnlyLargeLost {
            flow,
            passed: limit.passed,
            lost: limit.lost,
        };
        self.report_event(&event, observer)
    }
}
