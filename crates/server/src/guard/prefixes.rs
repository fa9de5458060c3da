//! The networks under which an address is counted, each with a multiple of the limit of one address.
//!
//! The holder of one address often holds its neighbours too: a customer gets a /64 to a /48 of IPv6
//! (RFC 6177), and a sender that spoofs one address can spoof those around it. Datagrams
//! ([`super::rates`]) and connections (`admission`) are counted by the same prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Prefix lengths of IPv4 and their multiples of what one address may have, as in Knot DNS (its
/// module rrl).
pub(super) const IPV4: [(u8, u64); 2] = [(32, 1), (24, 32)];

/// The same for the sources of datagrams over IPv6.
pub(super) const IPV6: [(u8, u64); 3] = [(128, 1), (64, 2), (56, 3)];

/// The same for the peers of connections, which cannot be spoofed: the holder of an IPv4 address
/// does not hold its neighbours.
const IPV4_CONNECTIONS: &[(u8, u64)] = &[(32, 1)];

/// The same for the peers of connections over IPv6. A /64 counts as one address, as a single host
/// may use all of it.
const IPV6_CONNECTIONS: &[(u8, u64)] = &[(64, 1), (56, 2), (48, 4)];

/// The first `length` bits of the address, at least one.
pub(super) fn first_bits_v4(address: Ipv4Addr, length: u8) -> u32 {
    u32::from(address) & (u32::MAX << (32 - length))
}

/// The first `length` bits of the address, at least one.
pub(super) fn first_bits_v6(address: Ipv6Addr, length: u8) -> u128 {
    u128::from(address) & (u128::MAX << (128 - length))
}

/// A network, as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// The length in bits, and the first bits of the address.
    V4(u8, u32),
    /// The same for IPv6.
    V6(u8, u128),
}

impl Prefix {
    /// What counts as one peer: an IPv4 address or an IPv6 /64.
    pub fn of_peer(address: IpAddr) -> Self {
        match address.to_canonical() {
            address @ IpAddr::V4(_) => Self::first_bits(address, 32),
            address @ IpAddr::V6(_) => Self::first_bits(address, 64),
        }
    }

    /// The networks that a connection from this address is counted under, each with the multiple of
    /// what one peer may have.
    pub(crate) fn of_connection(address: IpAddr) -> impl Iterator<Item = (Self, u64)> {
        let address = address.to_canonical();
        let table = match address {
            IpAddr::V4(_) => IPV4_CONNECTIONS,
            IpAddr::V6(_) => IPV6_CONNECTIONS,
        };
        table
            .iter()
            .map(move |(length, multiple)| (Self::first_bits(address, *length), *multiple))
    }

    fn first_bits(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(length, first_bits_v4(address, length)),
            IpAddr::V6(address) => Self::V6(length, first_bits_v6(address, length)),
        }
    }
}
