//! Lists of networks against checking every one of them, bit by bit; and a rate is displayed as
//! text that parses to the same.

#![no_main]

use std::net::IpAddr;

use bullhorn_server::fuzzing::Networks;
use bullhorn_server::{Network, RateLimit};
use ipnet::IpNet;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    allow: Vec<(IpAddr, u8)>,
    deny: Vec<(IpAddr, u8)>,
    source: IpAddr,
    rate: &'a str,
}

fuzz_target!(|input: Input| {
    let [allow, deny] = [&input.allow, &input.deny].map(|list| {
        let networks = list.iter().filter_map(|(address, length)| {
            match address {
                // Half of them as they look to a socket of both families.
                IpAddr::V4(address) if *length >= 128 => {
                    IpNet::new(address.to_ipv6_mapped().into(), 96 + length % 33)
                }
                IpAddr::V4(_) => IpNet::new(*address, length % 33),
                IpAddr::V6(_) => IpNet::new(*address, length % 129),
            }
            .ok()
        });
        networks.collect::<Vec<IpNet>>()
    });
    let typed = |list: &[IpNet]| -> Vec<Network> {
        let networks = list.iter().filter_map(|it| Network::new(it.addr(), it.prefix_len()));
        networks.collect()
    };
    let networks = Networks::new(&typed(&allow), &typed(&deny));
    // Errors are most likely at the edges of networks.
    let edges = allow.iter().chain(&deny).flat_map(edges);
    for source in edges.chain([input.source]) {
        let in_any = |list: &[IpNet]| list.iter().any(|network| contains(network, source));
        let permitted = (allow.is_empty() || in_any(&allow)) && !in_any(&deny);
        assert_eq!(networks.permits(source), permitted, "{source}");
    }
    if let Ok(rate) = input.rate.parse::<RateLimit>() {
        assert_eq!(rate.to_string().parse(), Ok(rate));
    }
});

/// Its own address, one that differs in the last bit of the prefix, one in the first bit after it.
fn edges(network: &IpNet) -> impl Iterator<Item = IpAddr> + use<> {
    let (address, length) = (network.addr(), u32::from(network.prefix_len()));
    let flipped = move |bit: u32| match address {
        IpAddr::V4(address) => {
            let shift = 31_u32.checked_sub(bit)?;
            Some(IpAddr::V4((u32::from(address) ^ 1 << shift).into()))
        }
        IpAddr::V6(address) => {
            let shift = 127_u32.checked_sub(bit)?;
            Some(IpAddr::V6((u128::from(address) ^ 1 << shift).into()))
        }
    };
    let last = length.checked_sub(1).and_then(flipped);
    [Some(address), last, flipped(length)].into_iter().flatten()
}

/// An IPv4 address is the one mapped to IPv6; yet a network wider than all mapped ones has none.
fn contains(network: &IpNet, source: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    };
    let is_mapped = |address: u128| address >> 32 == 0xffff;
    let length = u32::from(network.prefix_len()) + if network.addr().is_ipv4() { 96 } else { 0 };
    let (ours, theirs) = (bits(network.addr()), bits(source));
    let differing = (ours ^ theirs).checked_shr(128 - length).unwrap_or(0);
    differing == 0 && (length >= 96 || !is_mapped(theirs))
}
