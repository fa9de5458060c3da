//! Recognises datagrams that only a spoofed source would send.

use std::net::{IpAddr, SocketAddr};

use crate::stats::DropCause;
use bullhorn_socket::datagrams::PacketInfo;

/// Ports of services that answer anything, so that each of our answers would get one: echo,
/// daytime, qotd, chargen, time, domain, tftp, ntp, ssdp, mdns, memcached (IANA's registry;
/// CVE-2024-2169 names most).
pub(super) const REFLECTING_PORTS: [u16; 11] = [7, 13, 17, 19, 37, 53, 69, 123, 1900, 5353, 11211];

/// The addresses of this server, to recognise datagrams that claim to come from it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    /// Every address that we answer datagrams on.
    served: Vec<SocketAddr>,
    /// Those of this machine, sorted.
    local: Vec<IpAddr>,
    /// The names of the Unix sockets that we answer datagrams on.
    names: Vec<Vec<u8>>,
}

impl Sources {
    /// `served` are the addresses that we answer datagrams on, `local` all of this machine, which
    /// matter where an unspecified address is served. `names` are those of our Unix sockets, as in
    /// [`Address::unix_name`](bullhorn_socket::Address::unix_name).
    pub(super) fn new(
        served: Vec<SocketAddr>,
        mut local: Vec<IpAddr>,
        names: Vec<Vec<u8>>,
    ) -> Self {
        local.sort_unstable();
        Self {
            served,
            local,
            names,
        }
    }

    /// Whether `name` is that of one of our Unix sockets. The kernel reports the name of a sender as
    /// it was bound, so a socket has only one.
    pub(super) fn is_our_name(&self, name: &[u8]) -> bool {
        self.names.iter().any(|ours| ours == name)
    }

    /// Why a datagram from `source`, its address canonical, to `destination` is not to be answered.
    pub(super) fn suspicion(
        &self,
        source: SocketAddr,
        destination: Option<PacketInfo>,
    ) -> Option<DropCause> {
        if source.port() == 0 {
            Some(DropCause::SourcePortZero)
        } else if REFLECTING_PORTS.contains(&source.port()) {
            Some(DropCause::ReflectingSourcePort)
        } else if destination.is_some_and(|destination| !destination.unicast) {
            Some(DropCause::NotUnicast)
        } else if self.is_ours(source, destination) {
            Some(DropCause::SourceIsOurs)
        } else {
            None
        }
    }

    fn is_ours(&self, source: SocketAddr, destination: Option<PacketInfo>) -> bool {
        let mut on_its_port = self
            .served
            .iter()
            .filter(|served| served.port() == source.port());
        on_its_port.any(|served| self.is_at(served.ip(), source.ip(), destination))
    }

    /// Whether `source` is the address `served`. Cold, as few requests come from a port that is served.
    #[cold]
    fn is_at(&self, served: IpAddr, source: IpAddr, destination: Option<PacketInfo>) -> bool {
        let served = served.to_canonical();
        served == source || served.is_unspecified() && self.is_local(source, destination)
    }

    fn is_local(&self, address: IpAddr, destination: Option<PacketInfo>) -> bool {
        address.is_loopback()
            || address.is_unspecified()
            // This includes an address that the machine got after the start.
            || destination.is_some_and(|to| to.address.to_canonical() == address)
            || self.local.binary_search(&address).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn to(text: &str, unicast: bool) -> Option<PacketInfo> {
        Some(PacketInfo {
            address: text.parse().unwrap(),
            interface: 0,
            unicast,
        })
    }

    fn sources() -> Sources {
        let served = [
            "127.0.0.1:3000",
            "0.0.0.0:4000",
            "[::]:4000",
            "[2001:db8::1]:5000",
        ];
        let local = ["192.0.2.1", "127.0.0.1", "2001:db8::1", "::1"];
        Sources::new(
            served.map(address).to_vec(),
            local.map(|text| text.parse().unwrap()).to_vec(),
            vec![b"/run/ours".to_vec(), b"\0ours".to_vec()],
        )
    }

    #[test]
    fn our_own_endpoints_differ_from_others_on_the_same_port() {
        for (source, ours) in [
            ("127.0.0.1:3000", true),
            ("127.0.0.2:3000", false),
            ("127.0.0.1:3001", false),
            ("127.0.0.1:4000", true),
            ("127.9.9.9:4000", true),
            ("192.0.2.1:4000", true),
            ("192.0.2.2:4000", false),
            ("[::1]:4000", true),
            ("[2001:db8::1]:4000", true),
            ("[2001:db8::2]:4000", false),
            ("[2001:db8::1]:5000", true),
            ("[2001:db8::2]:5000", false),
        ] {
            let cause = ours.then_some(DropCause::SourceIsOurs);
            assert_eq!(
                sources().suspicion(address(source), None),
                cause,
                "{source}"
            );
        }
    }

    #[test]
    fn our_own_names_differ_from_others() {
        let is_ours = |name: &str| sources().is_our_name(name.as_bytes());
        assert!(is_ours("/run/ours") && is_ours("\0ours"));
        assert!(!is_ours("ours") && !is_ours("\0ours\0") && !is_ours("/run/our") && !is_ours(""));
    }

    #[test]
    fn an_address_added_after_the_start_is_ours_when_the_request_went_to_it() {
        let source = address("198.51.100.7:4000");
        assert_eq!(sources().suspicion(source, to("198.51.100.8", true)), None);
        assert_eq!(
            sources().suspicion(source, to("198.51.100.7", true)),
            Some(DropCause::SourceIsOurs)
        );
    }

    #[test]
    fn each_port_of_a_reflecting_service_and_port_0_have_their_cause() {
        for port in 0..=u16::MAX {
            let expected = match port {
                0 => Some(DropCause::SourcePortZero),
                7 | 13 | 17 | 19 | 37 | 53 | 69 | 123 | 1900 | 5353 | 11211 => {
                    Some(DropCause::ReflectingSourcePort)
                }
                _ => None,
            };
            let source = SocketAddr::from(([198, 51, 100, 7], port));
            assert_eq!(
                Sources::default().suspicion(source, None),
                expected,
                "{port}"
            );
        }
    }

    #[test]
    fn multicast_and_broadcast_requests_are_not_answered() {
        let source = address("198.51.100.7:9999");
        let suspicion = |unicast| sources().suspicion(source, to("192.0.2.1", unicast));
        assert_eq!(suspicion(true), None);
        assert_eq!(suspicion(false), Some(DropCause::NotUnicast));
    }
}
