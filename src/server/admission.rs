//! Which connections are let in: those of permitted sources, so many on the whole server, so many from
//! one address.
//!
//! The most on one endpoint is the listener's own affair (`stream`). The lock is taken once when a
//! connection comes and once when it goes, and never for a peer that no cap counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::SockAddr;

use super::StreamLimits;
use super::guard::Guard;
use super::stats::ConnectionDropCause;
use crate::socket::address::canonical;

/// The connections open on all the stream endpoints of a server.
#[derive(Debug)]
pub(super) struct Admission {
    guard: Arc<Guard>,
    max_connections: Option<usize>,
    max_per_address: Option<usize>,
    open: AtomicUsize,
    /// Open connections by source; a source without one has no entry, so that there are never more
    /// entries than connections. The hash is keyed anew for each server (SipHash), so nobody can
    /// choose addresses that collide.
    by_source: Mutex<HashMap<Source, usize>>,
}

/// Who counts as one: a whole IPv4 address, or the /64 of an IPv6 address, which is what one
/// customer or one host has at least (RFC 6177, RFC 7421).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(Ipv4Addr),
    V6([u8; 8]),
}

impl Source {
    /// `None` for whom no cap counts: Unix sockets, whose file mode says who may connect, and
    /// loopback, where a proxy brings everybody's connections from one address.
    fn of(peer: &SockAddr) -> Option<Self> {
        let address = canonical(peer)?.ip();
        match address {
            _ if address.is_loopback() => None,
            IpAddr::V4(address) => Some(Self::V4(address)),
            IpAddr::V6(address) => {
                let [prefix @ .., _, _, _, _, _, _, _, _] = address.octets();
                Some(Self::V6(prefix))
            }
        }
    }
}

impl Admission {
    pub(super) fn new(limits: &StreamLimits, guard: Arc<Guard>) -> Self {
        Self {
            guard,
            max_connections: limits.max_connections_total,
            max_per_address: limits.max_connections_per_address,
            open: AtomicUsize::new(0),
            by_source: Mutex::default(),
        }
    }

    /// A place for a connection of this peer, or the cause for which there is none.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: &SockAddr,
    ) -> Result<Admitted, ConnectionDropCause> {
        if canonical(peer).is_some_and(|source| !self.guard.permits(source.ip())) {
            return Err(ConnectionDropCause::SourceDenied);
        }
        // Gives its place back when it is dropped, here too.
        let mut admitted = Admitted {
            admission: self.clone(),
            source: None,
        };
        let others = self.open.fetch_add(1, Ordering::Relaxed);
        if self.max_connections.is_some_and(|most| others >= most) {
            return Err(ConnectionDropCause::TooManyConnectionsTotal);
        }
        if let Some(most) = self.max_per_address
            && let Some(source) = Source::of(peer)
        {
            let mut by_source = self.sources();
            let count = by_source.get(&source).copied().unwrap_or(0);
            if count >= most {
                return Err(ConnectionDropCause::TooManyFromAddress);
            }
            by_source.insert(source, count + 1);
            admitted.source = Some(source);
        }
        Ok(admitted)
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, HashMap<Source, usize>> {
        // Nothing that is done under the lock can panic half-way.
        self.by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    /// Under which source it is counted, if under any.
    source: Option<Source>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(source) = self.source
            && let Entry::Occupied(mut entry) = self.admission.sources().entry(source)
        {
            match entry.get() {
                1 => drop(entry.remove()),
                count => *entry.get_mut() = count - 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::server::GuardOptions;

    fn peer(address: &str) -> SockAddr {
        let address: IpAddr = address.parse().unwrap();
        SocketAddr::new(address, 40_000).into()
    }

    fn admission(total: Option<usize>, per_address: Option<usize>) -> Arc<Admission> {
        let guard = Guard::new(&GuardOptions::default(), std::iter::empty());
        let limits = StreamLimits {
            max_connections_total: total,
            max_connections_per_address: per_address,
            ..StreamLimits::default()
        };
        Arc::new(Admission::new(&limits, Arc::new(guard)))
    }

    #[test]
    fn an_ipv4_address_and_an_ipv6_slash_64_count_as_one() {
        for (one, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ] {
            let admission = admission(None, Some(1));
            let first = admission.admit(&peer(one)).unwrap();
            assert_eq!(
                admission.admit(&peer(same)).unwrap_err(),
                ConnectionDropCause::TooManyFromAddress
            );
            let _second = admission.admit(&peer(other)).unwrap();
            drop(first);
            let _third = admission.admit(&peer(same)).unwrap();
        }
    }

    #[test]
    fn loopback_and_unix_peers_are_counted_by_no_address() {
        let admission = admission(None, Some(1));
        let unix = SockAddr::unix("/run/client").unwrap();
        let nameless = SockAddr::unix("").unwrap();
        let loopback = ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"].map(peer);
        let peers = [unix, nameless].into_iter().chain(loopback);
        let peers: Vec<SockAddr> = peers.collect();
        let admitted: Vec<_> = peers
            .iter()
            .chain(&peers)
            .map(|peer| admission.admit(peer).unwrap())
            .collect();
        assert!(admission.sources().is_empty());
        assert_eq!(admission.open.load(Ordering::Relaxed), admitted.len());
    }

    #[test]
    fn the_whole_server_has_one_cap_and_what_goes_makes_room() {
        let admission = admission(Some(2), Some(2));
        let first = admission.admit(&peer("127.0.0.1")).unwrap();
        let _second = admission.admit(&peer("192.0.2.1")).unwrap();
        for _ in 0..3 {
            assert_eq!(
                admission.admit(&peer("192.0.2.2")).unwrap_err(),
                ConnectionDropCause::TooManyConnectionsTotal
            );
        }
        drop(first);
        let _third = admission.admit(&peer("192.0.2.1")).unwrap();
    }

    #[test]
    fn a_source_without_a_connection_has_no_entry() {
        let admission = admission(Some(100), Some(10));
        for number in 0..10_000_u32 {
            let address = IpAddr::V4(Ipv4Addr::from_bits(0xc000_0000 + number));
            drop(
                admission
                    .admit(&SocketAddr::new(address, 1).into())
                    .unwrap(),
            );
        }
        assert!(admission.sources().is_empty());
        assert!(admission.sources().capacity() < 16);
    }
}
