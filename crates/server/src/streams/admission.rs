//! Which connections are admitted: those from permitted sources, within a limit for the whole server
//! and one for each address.
//!
//! The limit of one endpoint is the listener's. The lock is taken once when a connection opens and
//! once when it closes, and never for a peer that no limit counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bullhorn_socket::Address;
use rustix::process::{Resource, getrlimit};

use crate::StreamLimits;
use crate::guard::{Guard, Prefix};
use crate::stats::ConnectionDropCause;

use bullhorn_socket::open_descriptors;

/// Descriptors kept for connections that are accepted only to be rejected, and for what else the
/// process opens briefly.
const SPARE_DESCRIPTORS: usize = 4;

/// The connections open on all the stream endpoints of a server.
#[derive(Debug)]
pub(super) struct Admission {
    guard: Arc<Guard>,
    max_connections: Option<usize>,
    max_per_address: Option<usize>,
    /// The connections that there are descriptors for, once that is known.
    descriptors: OnceLock<usize>,
    open: AtomicUsize,
    /// Open connections by network; a network without one has no entry, so there are never more
    /// than three entries per connection. The hash is keyed anew for each server (SipHash), so that
    /// no one can choose addresses that collide.
    by_network: Mutex<HashMap<Prefix, u64>>,
}

/// The networks under which a peer is counted, each with the multiple of the limit for one address.
/// None for peers that are not limited: those of Unix sockets, whose file mode decides who may
/// connect, and of loopback, where a proxy's connections all come from one address.
fn networks_of(peer: &Address) -> impl Iterator<Item = (Prefix, u64)> {
    peer.canonical()
        .map(|peer| peer.ip())
        .filter(|address| !address.is_loopback())
        .into_iter()
        .flat_map(Prefix::of_connection)
}

impl Admission {
    pub(super) fn new(limits: &StreamLimits, guard: Arc<Guard>) -> Self {
        Self {
            guard,
            max_connections: limits.max_connections_total,
            max_per_address: limits.max_connections_per_address,
            descriptors: OnceLock::new(),
            open: AtomicUsize::new(0),
            by_network: Mutex::default(),
        }
    }

    /// Reserves descriptors according to `limits`. Call it once the server has opened everything
    /// but connections.
    pub(super) fn reserve_descriptors(&self, limits: &StreamLimits) {
        let (Some(reserved), Some(limit)) = (
            limits.reserved_descriptors,
            getrlimit(Resource::Nofile).current,
        ) else {
            return;
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // If this is unknown, accepting fails eventually, which causes a pause.
        let Ok(open) = open_descriptors(limit) else {
            return;
        };
        let left = limit.saturating_sub(open + reserved + SPARE_DESCRIPTORS);
        let max = *self.descriptors.get_or_init(|| left.max(1));
        let wanted = self
            .max_connections
            .map_or(limits.max_connections, |total| {
                total.min(limits.max_connections)
            });
        if max < wanted {
            tracing::warn!(
                "the limit of {limit} descriptors leaves room for {max} connections instead of \
                 {wanted}; raise it with `ulimit -n`"
            );
        }
    }

    /// As if the limit of the process left `max` descriptors.
    #[cfg(test)]
    pub(super) fn limit_descriptors(&self, max: usize) {
        self.descriptors.set(max).unwrap();
    }

    /// Whether a connection may still take a descriptor.
    pub(super) fn has_descriptor(&self) -> bool {
        let max = self.descriptors.get().copied().unwrap_or(usize::MAX);
        self.open.load(Ordering::Relaxed) < max
    }

    /// A permit for a connection of this peer, or the cause for which there is none.
    pub(super) fn admit(self: &Arc<Self>, peer: &Address) -> Result<Admitted, ConnectionDropCause> {
        if peer
            .canonical()
            .is_some_and(|source| !self.guard.permits(source.ip()))
        {
            return Err(ConnectionDropCause::SourceDenied);
        }
        // Returned when dropped, here too.
        let mut admitted = Admitted {
            admission: self.clone(),
            networks: Vec::new(),
        };
        let others = self.open.fetch_add(1, Ordering::Relaxed);
        if self.max_connections.is_some_and(|max| others >= max) {
            return Err(ConnectionDropCause::TooManyConnectionsTotal);
        }
        if let Some(max) = self.max_per_address {
            let mut by_network = self.by_network();
            let has_room = |(network, multiple): (Prefix, u64)| {
                let count = by_network.get(&network).copied().unwrap_or(0);
                count < multiple.saturating_mul(max as u64)
            };
            if !networks_of(peer).all(has_room) {
                return Err(ConnectionDropCause::TooManyFromAddress);
            }
            for (network, _) in networks_of(peer) {
                *by_network.entry(network).or_default() += 1;
                admitted.networks.push(network);
            }
        }
        Ok(admitted)
    }

    fn by_network(&self) -> std::sync::MutexGuard<'_, HashMap<Prefix, u64>> {
        // Nothing done under the lock can panic half-way.
        self.by_network
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit of one connection, which is returned when dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    /// The networks under which it is counted, if any.
    networks: Vec<Prefix>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        if self.networks.is_empty() {
            return;
        }
        let mut by_network = self.admission.by_network();
        for network in &self.networks {
            if let Entry::Occupied(mut entry) = by_network.entry(*network) {
                match entry.get() {
                    1 => drop(entry.remove()),
                    count => *entry.get_mut() = count - 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use super::*;
    use crate::guard::GuardOptions;

    fn peer(address: &str) -> Address {
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
    fn the_networks_around_an_ipv6_slash_64_have_a_multiple_of_it() {
        let admission = admission(None, Some(10));
        let admitted_from = |address: &dyn Fn(u16) -> String| {
            let peers = (0..1000).map(|number| peer(&address(number)));
            let admitted: Vec<_> = peers.filter_map(|it| admission.admit(&it).ok()).collect();
            admitted.len()
        };
        assert_eq!(admitted_from(&|it| format!("2001:db8:0:1::{it:x}")), 10);
        assert_eq!(
            admitted_from(&|it| format!("2001:db8:0:{:x}::", it & 0xff)),
            20
        );
        assert_eq!(
            admitted_from(&|it| format!("2001:db8:0:{:x}::", it << 6)),
            40
        );
        assert_eq!(admitted_from(&|it| format!("2001:db8:{it:x}::")), 1000);
        assert!(admission.by_network().is_empty());
    }

    #[test]
    fn loopback_and_unix_peers_are_counted_by_no_address() {
        let admission = admission(None, Some(1));
        let unix = Address::unix("/run/client").unwrap();
        let nameless = Address::unix("").unwrap();
        let loopback = ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"].map(peer);
        let peers = [unix, nameless].into_iter().chain(loopback);
        let peers: Vec<Address> = peers.collect();
        let admitted: Vec<_> = peers
            .iter()
            .chain(&peers)
            .map(|peer| admission.admit(peer).unwrap())
            .collect();
        assert!(admission.by_network().is_empty());
        assert_eq!(admission.open.load(Ordering::Relaxed), admitted.len());
    }

    #[test]
    fn the_whole_server_has_one_limit_and_a_closed_connection_makes_room() {
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
        assert!(admission.by_network().is_empty());
        assert!(admission.by_network().capacity() < 16);
    }
}
