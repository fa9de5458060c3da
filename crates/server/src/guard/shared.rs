//! The guard of a whole server, shared by all its workers without a lock, as sockets may be shared.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::loops::Loops;
use super::networks::Networks;
use super::options::GuardOptions;
use super::rate_limit::{DEFAULT_RATE, RateLimit};
use super::rates::Rates;
use super::spoofing::Sources;
use crate::log_throttle::{LogThrottle, REPORT_INTERVAL};
use crate::stats::DropCause;
use bullhorn_socket::datagrams::PacketInfo;
use bullhorn_socket::endpoint::{Endpoint, Host, SocketType};
use bullhorn_socket::{Address, Peer};
use bullhorn_socket::{Description, local_addresses};

/// The protection of one server.
#[derive(Debug)]
pub(crate) struct Guard {
    start: Instant,
    networks: Networks,
    sources: Option<Sources>,
    pub(super) loops: Option<Loops>,
    limiter: Option<Limiter>,
    /// By cause.
    reports: [LogThrottle; DropCause::ALL.len()],
}

#[derive(Debug)]
struct Limiter {
    per_second: NonZeroU32,
    rates: Rates,
    /// The limit is the default, which does not apply to loopback sources.
    spares_loopback: bool,
}

impl Guard {
    /// The guard of a server with these sockets.
    pub(crate) fn new<'a>(
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
            reports: Default::default(),
        }
    }

    /// The datagrams per second for one address, where there is a limit.
    pub(crate) fn rate_limit(&self) -> Option<NonZeroU32> {
        self.limiter.as_ref().map(|limiter| limiter.per_second)
    }

    /// Whether a connection from `source` may be served.
    pub(crate) fn permits(&self, source: IpAddr) -> bool {
        self.networks.permits(source)
    }

    /// Why a datagram from `source` to `destination` must not be answered.
    pub(super) fn refusal(
        &self,
        source: SocketAddr,
        destination: Option<PacketInfo>,
    ) -> Option<DropCause> {
        if !self.networks.permits(source.ip()) {
            return Some(DropCause::SourceDenied);
        }
        let sources = self.sources.as_ref();
        sources.and_then(|sources| sources.suspicion(source, destination))
    }

    /// Why a datagram from the Unix socket `name` must not be answered.
    pub(super) fn unix_refusal(&self, name: &[u8]) -> Option<DropCause> {
        let sources = self.sources.as_ref()?;
        sources.is_our_name(name).then_some(DropCause::SourceIsOurs)
    }

    pub(super) fn limits(&self, source: IpAddr) -> bool {
        let limiter = self.limiter.as_ref();
        limiter.is_some_and(|limiter| !(limiter.spares_loopback && source.is_loopback()))
    }

    pub(super) fn admit(&self, source: IpAddr, datagrams: usize, now_ns: u64) -> usize {
        match &self.limiter {
            Some(limiter) => limiter.rates.admit(source, datagrams, now_ns),
            None => datagrams,
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Logs that `count` datagrams were dropped, at most once per interval and cause.
    pub(super) fn report(
        &self,
        endpoint: &Endpoint,
        peer: &Peer<'_>,
        (cause, count): (DropCause, u64),
        now_ns: u64,
    ) {
        let now = self.start + Duration::from_nanos(now_ns);
        let Some(repeats) = self.reports[cause as usize].note_many(count, now) else {
            return;
        };
        let (cause, advice) = (cause.name(), cause.advice());
        let datagrams = match repeats.count() {
            1 => "1 datagram".to_owned(),
            count => format!("{count} datagrams"),
        };
        let advice = advice.map_or_else(String::new, |advice| format!(" ({advice})"));
        tracing::warn!(
            "{endpoint}: dropped {datagrams} ({cause}), last from {peer}{advice}; next report in {} s",
            REPORT_INTERVAL.as_secs(),
        );
    }
}

/// The name of a Unix endpoint, as the kernel reports it of a sender.
fn unix_name(endpoint: &Endpoint) -> Option<Vec<u8>> {
    let address = Address::of(endpoint).ok()?;
    address.unix_name().map(<[u8]>::to_vec)
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
