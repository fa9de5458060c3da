//! The name of a target, resolved again during an outage: the service may have moved.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::settings::Settings;
use bullhorn_socket::Resolution;
use bullhorn_socket::endpoint::Endpoint;

/// From the beginning of one resolution to the next.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(5);

/// Resolves the name of one target in a thread, so that no probe waits for it.
#[derive(Default)]
pub(super) struct NameResolver {
    resolution: Option<Resolution>,
    begun: Option<Instant>,
}

impl NameResolver {
    /// Nothing is answered at present: begins to resolve the name of `given`, if it has one, the
    /// last resolution is done and not too recent.
    pub(super) fn begin(&mut self, given: &Endpoint, settings: &Settings) {
        let is_recent = |begun: Instant| begun.elapsed() < RESOLVE_INTERVAL;
        if self.resolution.is_some() || self.begun.is_some_and(is_recent) {
            return;
        }
        self.begun = Some(Instant::now());
        // Without a thread, the probes go on to the same address.
        self.resolution = Resolution::begin(given, settings.family).unwrap_or(None);
    }

    /// Readable once the resolver has answered.
    pub(super) fn interest(&self) -> Option<BorrowedFd<'_>> {
        self.resolution.as_ref().map(Resolution::descriptor)
    }

    /// The addresses of `given` that can be used, when the resolver has just answered and
    /// `current` is no longer among them.
    pub(super) fn moved(
        &mut self,
        given: &Endpoint,
        current: &Endpoint,
        settings: &Settings,
    ) -> Option<Vec<Endpoint>> {
        let addresses = self.resolution.as_ref()?.take()?;
        self.resolution = None;
        let options = &settings.connect;
        // A resolver that fails says nothing about the address.
        let addresses = options.with_source_family(given, addresses.ok()?).ok()?;
        (!addresses.contains(current)).then_some(addresses)
    }
}
