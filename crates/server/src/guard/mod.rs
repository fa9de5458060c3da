//! Against abuse: who may ask, how often, and what would never end.
//!
//! In reading order: [`Networks`] are allowed or denied, [`Sources`] tells what only spoofed
//! datagrams say, [`Rates`] limits each source, and [`Loops`] ends endless exchanges; both keep
//! their times in `slots`. `Guard` has one of each for a whole server, shared by all its workers
//! without a lock, as sockets may be shared too; `filter` is one worker's view of it. Everything here but the
//! clock is pure: time comes in as a number.

mod filter;
mod loops;
mod networks;
mod prefixes;
mod rate_limit;
mod rates;
mod slots;
mod sources;
mod warnings;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Instant;

pub(super) use filter::Filter;
pub use loops::{BURST, Loops, QUIET, Source};
pub use networks::Networks;
pub use prefixes::Prefix;
pub use rate_limit::{DEFAULT_RATE, RateLimit};
pub use rates::Rates;
pub use sources::{REFLECTING_PORTS, Sources};
pub use warnings::INTERVAL;

use super::options::GuardOptions;
use super::stats::DropCause;
use bullhorn_socket::address::{self, Peer, to_sockaddr};
use bullhorn_socket::control_message::PacketInfo;
use bullhorn_socket::endpoint::{Endpoint, Host, SocketType};
use bullhorn_socket::{Description, local_addresses};

/// What one server does against abuse.
#[derive(Debug)]
pub(super) struct Guard {
    start: Instant,
    networks: Networks,
    sources: Option<Sources>,
    loops: Option<Loops>,
    limiter: Option<Limiter>,
    warnings: warnings::Warnings,
}

#[derive(Debug)]
struct Limiter {
    per_second: NonZeroU32,
    rates: Rates,
    /// Nobody chose the limit, so it is not for this machine's own programs.
    spares_loopback: bool,
}

impl Guard {
    /// The guard of a server with these sockets.
    pub(super) fn new<'a>(
        options: &GuardOptions,
        sockets: impl Iterator<Item = &'a Description>,
    ) -> Self {
        let datagrams: Vec<&Endpoint> = sockets
            .filter(|socket| socket.socket_type == SocketType::Datagram)
            .map(|socket| &socket.endpoint)
            .collect();
        let internet = datagrams.iter().copied().filter_map(internet_address);
        let served: Vec<SocketAddr> = internet.collect();
        let names = datagrams.iter().copied().filter_map(unix_name).collect();
        let is_public = served
            .iter()
            .any(|address| !address.ip().to_canonical().is_loopback());
        let rate = match options.rate_limit {
            _ if served.is_empty() => None,
            RateLimit::Automatic => is_public.then_some(DEFAULT_RATE),
            RateLimit::PerSecond(rate) => Some(rate),
            RateLimit::Off => None,
        };
        let guards_loops = options.loop_guard && !datagrams.is_empty();
        Self {
            start: Instant::now(),
            networks: Networks::new(&options.allow, &options.deny),
            loops: guards_loops.then(Loops::default),
            sources: guards_loops.then(|| {
                let has_wildcard = served.iter().any(|address| address.ip().is_unspecified());
                let local = if has_wildcard {
                    local_addresses()
                } else {
                    Vec::new()
                };
                Sources::new(served, local, names)
            }),
            limiter: rate.map(|per_second| Limiter {
                per_second,
                rates: Rates::new(per_second),
                spares_loopback: options.rate_limit == RateLimit::Automatic,
            }),
            warnings: warnings::Warnings::default(),
        }
    }

    /// The datagrams a second that one address is answered, where there is a limit.
    pub(super) fn rate_limit(&self) -> Option<NonZeroU32> {
        self.limiter.as_ref().map(|limiter| limiter.per_second)
    }

    /// Whether a connection from `source` may be served.
    pub(super) fn permits(&self, source: IpAddr) -> bool {
        self.networks.permits(source)
    }

    /// Why no datagram from `source` to `destination` is to be answered.
    fn refusal(&self, source: SocketAddr, destination: Option<PacketInfo>) -> Option<DropCause> {
        if !self.networks.permits(source.ip()) {
            return Some(DropCause::SourceDenied);
        }
        let sources = self.sources.as_ref();
        sources.and_then(|sources| sources.suspicion(source, destination))
    }

    /// Why no datagram from the Unix socket `name` is to be answered.
    fn unix_refusal(&self, name: &[u8]) -> Option<DropCause> {
        let sources = self.sources.as_ref()?;
        sources.is_our_name(name).then_some(DropCause::SourceIsOurs)
    }

    fn limits(&self, source: IpAddr) -> bool {
        let limiter = self.limiter.as_ref();
        limiter.is_some_and(|limiter| !(limiter.spares_loopback && source.is_loopback()))
    }

    fn admit(&self, source: IpAddr, datagrams: usize, now_ns: u64) -> usize {
        match &self.limiter {
            Some(limiter) => limiter.rates.admit(source, datagrams, now_ns),
            None => datagrams,
        }
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Says that `count` datagrams or connections were dropped, unless it is too soon to.
    pub(super) fn warn(
        &self,
        endpoint: &Endpoint,
        peer: &Peer<'_>,
        cause: DropCause,
        count: u64,
        now_ns: u64,
    ) {
        if let Some(count) = self.warnings.note(cause, count, now_ns) {
            let advice = cause.advice().map(|advice| format!(" ({advice})"));
            tracing::warn!(
                "{endpoint}: dropped as {}: {count} since this was last said, now from {peer}{}; \
                 said again after {} s at the earliest",
                cause.name(),
                advice.unwrap_or_default(),
                INTERVAL.as_secs(),
            );
        }
    }
}

/// The name of a Unix endpoint, as the kernel tells it of a sender.
fn unix_name(endpoint: &Endpoint) -> Option<Vec<u8>> {
    let address = to_sockaddr(endpoint).ok()?;
    address::unix_name(&address).map(<[u8]>::to_vec)
}

fn internet_address(endpoint: &Endpoint) -> Option<SocketAddr> {
    match endpoint {
        Endpoint::Internet {
            host: Host::V4(address),
            port,
            ..
        } => Some((*address, *port).into()),
        Endpoint::Internet {
            host: Host::V6(address, _),
            port,
            ..
        } => Some((*address, *port).into()),
        _ => None,
    }
}
