//! The move of a target to another address of its name, and of its flows to another address of this
//! machine.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::target::Target;
use crate::ping::event::{Event, Observer};
use crate::ping::flow;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::is_local_address;

/// From one look at the addresses of this machine to the next.
const SOURCE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

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

    /// Reopens every flow whose source address is no longer this machine's. Returns whether there
    /// was one. Looks at most once a second.
    pub(super) fn reopen_lost_sources(&mut self) -> bool {
        let is_recent = |checked: Instant| checked.elapsed() < SOURCE_CHECK_INTERVAL;
        if self.sources_checked.is_some_and(is_recent) {
            return false;
        }
        self.sources_checked = Some(Instant::now());
        let settings = self.settings;
        let mut has_lost = false;
        for state in &mut self.flows {
            let source = state.flow.source().map(|source| source.ip());
            let Some(lost) = source.filter(|source| !is_local_address(*source)) else {
                continue;
            };
            has_lost = true;
            state.lost_source.get_or_insert(lost);
            self.earlier_drops += state.flow.local_drops();
            state.flow = flow::new(&self.endpoint, &settings.connect, settings);
        }
        if has_lost {
            self.fresh.abandon();
            self.sizes.abandon();
        }
        has_lost
    }

    /// Reports the new source address of a flow that was reopened, once there is one.
    pub(super) fn report_new_source(
        &mut self,
        flow: usize,
        observer: &mut dyn Observer,
    ) -> ControlFlow<()> {
        let state = &mut self.flows[flow];
        let (Some(from), Some(to)) = (state.lost_source, state.flow.source()) else {
            return ControlFlow::Continue(());
        };
        state.lost_source = None;
        self.report_event(&Event::LocalAddressChanged { flow, from, to }, observer)
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
