//! No address and no network around it is answered faster than its rate, over any interval; and a
//! source that was quiet for a second has a second's worth.

#![no_main]

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;
use std::num::NonZeroU32;

use bullhorn_server::fuzzing::Rates;
use libfuzzer_sys::fuzz_target;

const SECOND_NS: u128 = 1_000_000_000;

/// What was admitted, when, and from where.
struct Admitted {
    at: u128,
    source: IpAddr,
    datagrams: u128,
}

fuzz_target!(|input: (u32, u64, Vec<(u8, u16, u32)>)| {
    let (rate, start, steps) = input;
    let rate = NonZeroU32::new(1 + rate % 100_000).unwrap();
    let rates = Rates::with_table(rate, 256, BuildHasherDefault::<DefaultHasher>::default());
    let rate = u128::from(rate.get());
    let mut history: Vec<Admitted> = Vec::new();
    let mut now = start >> 8;
    for (source, datagrams, elapsed_ns) in steps.into_iter().take(40) {
        now += u64::from(elapsed_ns);
        let (source, at) = (address(source), u128::from(now));
        let admitted = rates.admit(source, datagrams.into(), now) as u128;
        assert!(admitted <= datagrams.into());
        let is_first = |admitted: &Admitted| {
            at - admitted.at > 2 * SECOND_NS || prefix(admitted.source, 0) != prefix(source, 0)
        };
        if history.iter().all(is_first) {
            assert_eq!(admitted, u128::from(datagrams).min(rate));
        }
        history.push(Admitted {
            at,
            source,
            datagrams: admitted,
        });
        for (level, multiple) in [
            (2, 1),
            (1, if source.is_ipv4() { 32 } else { 2 }),
            (0, if source.is_ipv4() { 32 } else { 3 }),
        ] {
            let of_prefix = history
                .iter()
                .filter(|admitted| prefix(admitted.source, level) == prefix(source, level));
            let (mut sum, mut calls) = (0, 0);
            let entries: Vec<&Admitted> = of_prefix.collect();
            for entry in entries.into_iter().rev() {
                sum += entry.datagrams;
                calls += 1;
                // Each call may round by one datagram.
                let most = multiple * rate * (SECOND_NS + at - entry.at) / SECOND_NS + calls;
                assert!(sum <= most, "{sum} of {most} to level {level} of {source}");
            }
        }
    }
});

/// Few addresses, some close together and some far apart.
fn address(choice: u8) -> IpAddr {
    let (near, net, site) = (choice & 3, choice >> 2 & 3, choice >> 4 & 3);
    if choice & 0x80 == 0 {
        IpAddr::from([10, site, net, near])
    } else {
        let [near, net, site] = [near, net, site].map(u16::from);
        IpAddr::from([0x2001, 0xdb8, site, net, 0, 0, 0, near])
    }
}

/// The whole address at level 2, the network around it at 1, the one around that at 0: /32, /24
/// and /24; /128, /64 and /56.
fn prefix(source: IpAddr, level: usize) -> (bool, u128) {
    match source {
        IpAddr::V4(address) => (true, u128::from(u32::from(address) >> [8, 8, 0][level])),
        IpAddr::V6(address) => (false, u128::from(address) >> [72, 64, 0][level]),
    }
}
