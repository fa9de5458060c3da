//! Lists of networks against a look at every one of them, bit by bit; and a rate is displayed as
//! something that parses to the same.

#![no_main]

use std::net::IpAddr;

use bullhorn::server::guard::{Networks, RateLimit};
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
            let bits = if address.is_ipv4() { 33 } else { 129 };
            IpNet::new(*address, length % bits).ok()
        });
        networks.collect::<Vec<IpNet>>()
    });
    let networks = Networks::new(&allow, &deny);
    let lists = allow.iter().chain(&deny).map(IpNet::addr);
    // The networks' own addresses are the likeliest to be mistaken.
    for source in lists.chain([input.source]) {
        let in_any = |list: &[IpNet]| list.iter().any(|network| contains(network, source));
        let permitted = (allow.is_empty() || in_any(&allow)) && !in_any(&deny);
        assert_eq!(networks.permits(source), permitted, "{source}");
    }
    if let Ok(rate) = input.rate.parse::<RateLimit>() {
        assert_eq!(rate.to_string().parse(), Ok(rate));
    }
});

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
