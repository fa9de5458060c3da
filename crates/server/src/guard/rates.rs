//! Limits the datagrams per second from one source: from its address, and multiples of that from the
//! surrounding networks, as a sender that spoofs one address can spoof its neighbours.
//!
//! The prefixes and their multiples are in `prefixes`. The count is the generic cell rate algorithm
//! (ITU-T I.371, annex A) with a second's worth at once: one time for each prefix, and nothing for a source
//! that has been quiet.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::prefixes::{IPV4, IPV6, first_bits_v4, first_bits_v6};
use super::slots::{Slot, Slots};

const SECOND_NS: u64 = 1_000_000_000;

/// Sets of the table, of eight prefixes and 64 bytes each: a MiB.
const SETS: usize = 1 << 14;

/// The highest rate that is counted; a higher one has no effect.
const MAX_RATE: u64 = 100_000_000;

/// The prefixes that were answered recently, in fixed memory.
#[derive(Debug)]
pub struct Rates<S = RandomState> {
    slots: Slots,
    hasher: S,
    per_second: u64,
}

impl Rates {
    /// At most `per_second` datagrams from one address. The hash key is random, so
    /// that a sender cannot choose sources that evict others.
    pub fn new(per_second: NonZeroU32) -> Self {
        Self::with_table(per_second, SETS, RandomState::new())
    }
}

impl<S: BuildHasher> Rates<S> {
    /// Has room for eight prefixes in each of `sets`, a power of two.
    pub fn with_table(per_second: NonZeroU32, sets: usize, hasher: S) -> Self {
        Self {
            slots: Slots::new(sets),
            hasher,
            per_second: u64::from(per_second.get()).min(MAX_RATE),
        }
    }

    /// The number of `datagrams` from `source` that may be answered at `now_ns`, in nanoseconds from any
    /// start. They count as answered; the others do not count.
    pub fn admit(&self, source: IpAddr, datagrams: usize, now_ns: u64) -> usize {
        match source.to_canonical() {
            IpAddr::V4(address) => {
                let hash = |length: u8| {
                    let prefix = first_bits_v4(address, length);
                    let key = u64::from(length) << 32 | u64::from(prefix);
                    self.hasher.hash_one(key)
                };
                self.admit_by(IPV4, hash, datagrams, now_ns)
            }
            IpAddr::V6(address) => {
                let hash = |length: u8| {
                    let prefix = first_bits_v6(address, length);
                    self.hasher.hash_one((length, prefix))
                };
                self.admit_by(IPV6, hash, datagrams, now_ns)
            }
        }
    }

    fn admit_by<const N: usize>(
        &self,
        prefixes: [(u8, u64); N],
        hash: impl Fn(u8) -> u64,
        datagrams: usize,
        now: u64,
    ) -> usize {
        let prefixes = prefixes.map(|(length, multiple)| {
            let hash = hash(length);
            (hash, multiple * self.per_second, self.slots.find(hash, now))
        });
        let admitted = prefixes.iter().fold(datagrams as u64, |admitted, prefix| {
            let (_, rate, slot) = prefix;
            let left = SECOND_NS.saturating_sub(slot.ahead);
            admitted.min(left * rate / SECOND_NS)
        });
        if admitted > 0 {
            for (hash, rate, mut slot) in prefixes {
                let cost = admitted * SECOND_NS / rate;
                while !charge(&slot, cost, now) {
                    slot = self.slots.find(hash, now);
                }
            }
        }
        admitted as usize
    }
}

/// False when another thread was faster.
fn charge(slot: &Slot<'_>, cost: u64, now: u64) -> bool {
    slot.set(now, (slot.ahead + cost).min(2 * SECOND_NS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const MS: u64 = 1_000_000;

    fn rates(per_second: u32) -> Rates {
        Rates::new(per_second.try_into().unwrap())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of very many are admitted from the addresses that `address` makes, one each.
    fn admitted(rates: &Rates, count: u32, address: impl Fn(u32) -> IpAddr) -> usize {
        (0..count)
            .map(|number| rates.admit(address(number), 1, 0))
            .sum()
    }

    #[test]
    fn each_prefix_has_its_multiple() {
        let v4 = |mask: u32| {
            move |number: u32| IpAddr::from(Ipv4Addr::from(0xc633_0000 | number & mask))
        };
        assert_eq!(admitted(&rates(10), 10_000, v4(0)), 10);
        assert_eq!(admitted(&rates(10), 10_000, v4(0xff)), 320);
        assert_eq!(admitted(&rates(10), 10_000, v4(0x1ff)), 640);
        let v6 = |shift: u32| {
            move |number: u32| {
                let bits = 0x2001_0db8_u128 << 96 | u128::from(number & 0xff) << shift;
                IpAddr::from(std::net::Ipv6Addr::from(bits))
            }
        };
        assert_eq!(admitted(&rates(10), 10_000, v6(128 - 128)), 20);
        assert_eq!(admitted(&rates(10), 10_000, v6(128 - 64)), 30);
        assert_eq!(admitted(&rates(10), 256, v6(128 - 56)), 256);
        assert_eq!(admitted(&rates(10), 10_000, |_| ip("2001:db8::1")), 10);
    }

    #[test]
    fn a_second_has_its_rate_and_a_quarter_of_it_a_quarter() {
        let (rates, source) = (rates(100), ip("192.0.2.1"));
        assert_eq!(rates.admit(source, 64, 0), 64);
        assert_eq!(rates.admit(source, 64, 0), 36);
        assert_eq!(rates.admit(source, 64, 250 * MS), 25);
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let rates = rates(10);
        assert_eq!(rates.admit(ip("::ffff:192.0.2.1"), 10, 0), 10);
        assert_eq!(rates.admit(ip("192.0.2.1"), 10, 0), 0);
    }

    #[test]
    fn refused_datagrams_do_not_count() {
        let rates = rates(1000);
        // Ten times the rate for ten seconds.
        let admitted = (0..100_000).map(|tick| rates.admit(ip("192.0.2.1"), 1, tick * MS / 10));
        let admitted: usize = admitted.sum();
        assert!((10_900..=11_001).contains(&admitted), "{admitted}");
    }

    #[test]
    fn a_source_within_the_rate_is_never_refused() {
        for per_second in [1, 7, 1000, 999_983] {
            let rates = rates(per_second);
            for number in 0..10_000_u64 {
                let now = number * SECOND_NS / u64::from(per_second) + number;
                assert_eq!(rates.admit(ip("192.0.2.1"), 1, now), 1, "{per_second}");
            }
        }
    }

    #[test]
    fn a_polite_client_is_not_refused_amid_a_hundred_thousand_spoofed_sources() {
        let rates = rates(10);
        let mut random = 1_u32;
        for round in 0..20_u64 {
            for number in 0..100_000_u64 {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                let now = round * SECOND_NS + number * SECOND_NS / 100_000;
                // Not from the networks around the client.
                let spoofed = Ipv4Addr::from(random | 1 << 31);
                rates.admit(spoofed.into(), 1, now);
                if number % 10_000 == 0 {
                    assert_eq!(rates.admit(ip("100.64.0.1"), 1, now), 1);
                }
            }
        }
    }

    #[test]
    fn threads_together_admit_what_one_would() {
        let rates = rates(1000);
        let total: usize = std::thread::scope(|scope| {
            let worker =
                || -> usize { (0..2000).map(|_| rates.admit(ip("192.0.2.1"), 1, 0)).sum() };
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .sum::<usize>()
        });
        // Plus as many as may be between finding and charging.
        assert!((1000..=1100).contains(&total), "{total}");
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_twice_the_rate(
            per_second in 1..5000_u32,
            steps in prop::collection::vec((0..200 * MS, 1..65_usize), 1..200),
        ) {
            let rates = rates(per_second);
            let mut now = 0;
            let mut admitted: Vec<(u64, usize)> = Vec::new();
            for (passed, datagrams) in steps {
                now += passed;
                admitted.push((now, rates.admit(ip("192.0.2.1"), datagrams, now)));
            }
            for (begin, _) in &admitted {
                let second = admitted.iter().filter(|(at, _)| (*begin..begin + SECOND_NS).contains(at));
                let sum: usize = second.map(|(_, count)| count).sum();
                prop_assert!(sum <= 2 * per_second as usize + 1, "{} in the second from {}", sum, begin);
            }
        }
    }
}
