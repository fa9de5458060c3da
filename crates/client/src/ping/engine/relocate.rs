//! The move of a target to another address of its name.

use std::ops::ControlFlow;

use super::target::Target;
use crate::ping::event::{Event, Observer};
use crate::ping::flow;
use bullhorn_socket::endpoint::Endpoint;

impl Target<'_> {
    /// Moves to the name's new address, once the resolver has reported one.
    pub(super) fn follow_name(&mut self, observer: &mut dyn Observer) -> ControlFlow<()> {
        let name = &mut self.name;
        let Some(addresses) = name.moved(&self.given, &self.endpoint, self.settings) else {
            return ControlFlow::Continue(());
        };
        let length = self.texts.text_length().max(self.texts.expected_length());
        let mut addresses = addresses.into_iter();
        let Some(to) = addresses.find(|address| address.check_length(length).is_ok()) else {
            return ControlFlow::Continue(());
        };
        let from = self.move_to(to.clone());
        let given = self.given.clone();
        self.report_event(&Event::AddressChanged { given, from, to }, observer)
    }

    /// Replaces the flows by new ones to `endpoint`, and returns the endpoint until now. Probes in
    /// flight are lost at their timeout.
    fn move_to(&mut self, endpoint: Endpoint) -> Endpoint {
        let settings = self.settings;
        for state in &mut self.flows {
            self.earlier_drops += state.flow.local_drops();
            state.flow = flow::new(&endpoint, &settings.connect, settings);
        }
        self.fresh.abandon();
        self.sizes.abandon();
        std::mem::replace(&mut self.endpoint, endpoint)
    }
}
