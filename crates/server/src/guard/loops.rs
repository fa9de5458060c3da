//! Ends endless exchanges (CVE-2024-2169) that a spoofed datagram starts with another server of
//! capitals, or with an echo server.
//!
//! Upper-casing is idempotent, so only a datagram whose answer equals the request can circulate,
//! and it comes back with the same source and the same text. Nothing else is watched. A pair of
//! source and text may come in a burst of eight and then twice a second; one that comes faster is
//! not answered until it has been quiet for half a second. One drop ends a loop.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use super::slots::Slots;

/// The number of times that a source may send one text in a burst.
pub const BURST: u64 = 8;

/// The interval at which it may send the text after that, and the time for which a pair that came
/// faster must be quiet: less than a second, so that one request per second is always answered.
pub const QUIET: Duration = Duration::from_millis(500);

const QUIET_NS: u64 = QUIET.as_nanos() as u64;

/// Sets of the table, of eight pairs and 64 bytes each: a MiB for 131,072 pairs within half a second.
const SETS: usize = 1 << 14;

/// The source of a datagram: an Internet address, or the name of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// An address and a port; the rest of it does not count.
    Internet(SocketAddr),
    /// The bytes of the name.
    Unix(&'a [u8]),
}

impl From<SocketAddr> for Source<'_> {
    fn from(address: SocketAddr) -> Self {
        Self::Internet(address)
    }
}

impl Hash for Source<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Internet(address) => (address.ip(), address.port()).hash(state),
            Self::Unix(name) => name.hash(state),
        }
    }
}

/// The pairs of source and text that were answered recently, in fixed memory.
#[derive(Debug)]
pub struct Loops<S = RandomState> {
    slots: Slots,
    hasher: S,
}

impl Default for Loops {
    /// The hash key is random, so that a sender cannot choose pairs that evict others.
    fn default() -> Self {
        Self::new(SETS, RandomState::new())
    }
}

impl<S: BuildHasher> Loops<S> {
    /// Has room for eight pairs in each of `sets`, a power of two.
    pub fn new(sets: usize, hasher: S) -> Self {
        Self {
            slots: Slots::new(sets),
            hasher,
        }
    }

    /// Whether to answer a datagram from `source` whose answer is its own `text`. Called once for
    /// each such datagram, at `now_ns` in nanoseconds from any start.
    pub fn permits(&self, source: Source<'_>, text: &[u8], now_ns: u64) -> bool {
        let hash = self.hasher.hash_one((source, text));
        loop {
            let slot = self.slots.find(hash, now_ns);
            let permitted = slot.ahead <= (BURST - 1) * QUIET_NS;
            let ahead = if permitted {
                slot.ahead + QUIET_NS
            } else {
                BURST * QUIET_NS
            };
            if slot.set(now_ns, ahead) {
                return permitted;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn source(number: u16) -> Source<'static> {
        SocketAddr::from(([192, 0, 2, 1], number)).into()
    }

    #[test]
    fn unix_sockets_differ_by_their_names() {
        let loops = Loops::default();
        for name in ["/run/a", "/run/b", "\0/run/a"] {
            let source = Source::Unix(name.as_bytes());
            let permitted = (0..100).filter(|_| loops.permits(source, b"PING", 0));
            assert_eq!(permitted.count(), 8, "{name}");
        }
    }

    #[test]
    fn a_loop_ends_after_eight_answers_and_stays_ended_while_it_comes() {
        let loops = Loops::default();
        let permitted = (0..1000).filter(|round| loops.permits(source(1), b"PING", round * MS));
        assert_eq!(permitted.count(), 8);
    }

    #[test]
    fn a_text_each_second_is_always_answered_even_right_after_a_flood() {
        let loops = Loops::default();
        for _ in 0..1000 {
            loops.permits(source(1), b"PING", 0);
        }
        for second in 1..1000 {
            // An early one now and then.
            let now = (second * 1000 - second % 300) * MS;
            assert!(loops.permits(source(1), b"PING", now), "{second}");
        }
    }

    #[test]
    fn a_faster_text_is_answered_again_only_after_a_quiet_time() {
        let loops = Loops::default();
        for round in 0..20 {
            loops.permits(source(1), b"PING", round * 100 * MS);
        }
        let last = 1900 * MS;
        assert!(!loops.permits(source(1), b"PING", last + 499 * MS));
        assert!(!loops.permits(source(1), b"PING", last + 998 * MS));
        assert!(loops.permits(source(1), b"PING", last + 1498 * MS));
    }

    /// Rounds until `count` loops with a period of 50 ms have ended, each of which lasts while it
    /// is answered.
    fn rounds_until_the_end_of(count: usize) -> u64 {
        let loops = Loops::default();
        let mut going: Vec<usize> = (0..count).collect();
        (0..1000)
            .find(|round| {
                let now = round * 50 * MS;
                going.retain(|number| loops.permits(source(7), &number.to_ne_bytes(), now));
                going.is_empty()
            })
            .unwrap_or(u64::MAX)
    }

    #[test]
    fn ten_thousand_loops_at_once_end_as_soon_as_one() {
        assert_eq!(rounds_until_the_end_of(1), 8);
        assert_eq!(rounds_until_the_end_of(10_000), 8);
    }

    #[test]
    fn a_table_that_is_too_small_for_all_loops_ends_them_within_seconds() {
        let rounds = rounds_until_the_end_of(150_000);
        assert!(rounds < 300, "{rounds}");
    }

    proptest! {
        #[test]
        fn each_pair_has_its_own_count_and_no_other(
            steps in prop::collection::vec((0..5_u16, 0..5_u8, 0..400_u64), 1..300),
        ) {
            let loops = Loops::default();
            let mut now = 0;
            let mut model: HashMap<(u16, u8), u64> = HashMap::new();
            for (port, text, passed) in steps {
                now += passed * MS;
                let until = model.entry((port, text)).or_default();
                let ahead = until.saturating_sub(now);
                let expected = ahead <= 7 * QUIET_NS;
                *until = now + if expected { ahead + QUIET_NS } else { 8 * QUIET_NS };
                prop_assert_eq!(loops.permits(source(port), &[text], now), expected);
            }
        }
    }
}
