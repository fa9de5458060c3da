//! Lists of allowed and denied networks.

use std::net::IpAddr;

use ipnet::IpNet;

use super::network::Network;

/// Lists of networks, prepared for one lookup per datagram or connection.
///
/// A denied network takes precedence over an allowed one, and once any is allowed, all others are
/// denied. An IPv4 address mapped to IPv6 (`::ffff:192.0.2.1`) is the IPv4 address, in the lists
/// too.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// `None` allows everything.
    allowed: Option<Ranges>,
    /// `None` denies nothing.
    denied: Option<Ranges>,
}

impl Networks {
    /// Allows the networks in `allow`, or all when it is empty, except those in `deny`.
    pub fn new(allow: &[Network], deny: &[Network]) -> Self {
        let ranges = |list: &[Network]| (!list.is_empty()).then(|| Ranges::new(list));
        Self {
            allowed: ranges(allow),
            denied: ranges(deny),
        }
    }

    /// Whether `source` may send datagrams and connect.
    pub fn permits(&self, source: IpAddr) -> bool {
        let contain = |ranges: &Ranges| ranges.contain(source.to_canonical());
        !self.denied.as_ref().is_some_and(contain) && self.allowed.as_ref().is_none_or(contain)
    }
}

/// Networks as sorted ranges of addresses without overlap, for a binary search.
#[derive(Clone, Debug)]
struct Ranges(Vec<(IpAddr, IpAddr)>);

impl Ranges {
    fn new(networks: &[Network]) -> Self {
        let networks: Vec<IpNet> = networks.iter().map(|it| canonical(&it.0)).collect();
        let mut ranges: Vec<_> = IpNet::aggregate(&networks)
            .iter()
            .map(|network| (network.network(), network.broadcast()))
            .collect();
        ranges.sort_unstable();
        Self(ranges)
    }

    fn contain(&self, address: IpAddr) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        after
            .checked_sub(1)
            .is_some_and(|index| address <= self.0[index].1)
    }
}

/// The IPv4 network that a network of mapped addresses means.
fn canonical(network: &IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let address = network.addr().to_canonical();
    match network.prefix_len().checked_sub(MAPPED) {
        Some(length) if network.addr().is_ipv6() && address.is_ipv4() => {
            // At most 32, as the length was at most 128.
            IpNet::new(address, length).unwrap_or(*network)
        }
        _ => *network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn permits(networks: &Networks, address: &str) -> bool {
        networks.permits(address.parse().unwrap())
    }

    #[test]
    fn without_lists_every_source_is_permitted() {
        for address in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(permits(&Networks::default(), address));
        }
    }

    #[test]
    fn a_denied_network_takes_precedence_and_all_but_the_allowed_are_denied() {
        let networks = Networks::new(&nets(&["10.0.0.0/8"]), &nets(&["10.1.0.0/16"]));
        assert!(permits(&networks, "10.2.0.1"));
        assert!(permits(&networks, "::ffff:10.2.0.1"));
        assert!(!permits(&networks, "10.1.0.1"));
        assert!(!permits(&networks, "192.0.2.1"));
    }

    #[test]
    fn a_list_of_one_family_affects_the_other_only_if_it_allows() {
        let denied = Networks::new(&[], &nets(&["::/0"]));
        assert!(permits(&denied, "192.0.2.1"));
        assert!(permits(&denied, "::ffff:192.0.2.1"));
        assert!(!permits(&denied, "2001:db8::1"));
        let allowed = Networks::new(&nets(&["0.0.0.0/0"]), &[]);
        assert!(permits(&allowed, "::ffff:192.0.2.1"));
        assert!(!permits(&allowed, "2001:db8::1"));
    }

    #[test]
    fn a_network_of_mapped_addresses_is_an_ipv4_network() {
        let networks = Networks::new(&[], &nets(&["::ffff:10.0.0.0/104"]));
        assert!(!permits(&networks, "10.200.0.1"));
        assert!(permits(&networks, "11.0.0.1"));
    }

    proptest! {
        #[test]
        fn ranges_permit_what_the_networks_would(
            // Few and close to each other, so that they overlap and touch.
            allow in prop::collection::vec((0..64_u32, 24..=32_u8), 0..6),
            deny in prop::collection::vec((0..64_u32, 24..=32_u8), 0..6),
            addresses in prop::collection::vec(0..600_u32, 20),
        ) {
            let net = |(number, length): &(u32, u8)| {
                let address = IpAddr::V4((0x0a00_0000 + number * 8).into());
                Network::new(address, *length).unwrap()
            };
            let (allow, deny): (Vec<_>, Vec<_>) =
                (allow.iter().map(net).collect(), deny.iter().map(net).collect());
            let networks = Networks::new(&allow, &deny);
            for address in addresses {
                let address = IpAddr::V4((0x0a00_0000 + address).into());
                let within = |list: &[Network]| list.iter().any(|net| net.0.contains(&address));
                let expected = !within(&deny) && (allow.is_empty() || within(&allow));
                prop_assert_eq!(networks.permits(address), expected);
            }
        }
    }
}
