//! Times for hashed keys, in fixed memory.
//!
//! A slot is a tag of the key and a time ahead of now; once that time is reached, the slot counts
//! as empty, so there is no clean-up. A set of eight slots is one cache line. When all slots of a
//! set are ahead of now, the one nearest to now is replaced: it has the least to remember. Any
//! number of threads may use a table at once, without a lock. What the times mean is up to the
//! caller.

use std::sync::atomic::{AtomicU64, Ordering};

/// Slots in a set.
const WAYS: usize = 8;

/// The bits of a slot that are its time; those above are the tag of its key.
const TIME_BITS: u32 = 44;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// The furthest a time may be ahead, in nanoseconds: about 4 seconds. Times are kept modulo 2^44
/// (almost five hours), and what seems further ahead than this is long past. A key that was last
/// used exactly that long ago seems recent for those 4 seconds.
pub(super) const MAX_AHEAD_NS: u64 = 1 << 32;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// A table of times by key.
#[derive(Debug)]
pub(super) struct Slots {
    sets: Box<[Set]>,
}

/// The entry of one key as it was found.
pub(super) struct Slot<'table> {
    cell: &'table AtomicU64,
    seen: u64,
    tag: u64,
    /// How far the key's time is ahead of now, in nanoseconds; 0 for one that is not kept.
    pub(super) ahead: u64,
}

impl Slots {
    /// Has room for eight keys in each of `sets`, a power of two.
    pub(super) fn new(sets: usize) -> Self {
        debug_assert!(sets.is_power_of_two());
        Self {
            sets: (0..sets).map(|_| Set::default()).collect(),
        }
    }

    /// The slot of the key that hashes to `hash`, at `now` in nanoseconds.
    pub(super) fn find(&self, hash: u64, now: u64) -> Slot<'_> {
        let Set(set) = &self.sets[hash as usize & (self.sets.len() - 1)];
        // An unused slot is 0, and so must never look like a key's.
        let tag = (hash >> TIME_BITS).max(1);
        let mut nearest = Slot {
            cell: &set[0],
            seen: 0,
            tag,
            ahead: u64::MAX,
        };
        for cell in set {
            let seen = cell.load(Ordering::Relaxed);
            let ahead = ahead_of(seen, now);
            if seen >> TIME_BITS == tag {
                return Slot {
                    cell,
                    seen,
                    tag,
                    ahead,
                };
            }
            if ahead < nearest.ahead {
                nearest = Slot {
                    cell,
                    seen,
                    tag,
                    ahead,
                };
            }
        }
        nearest.ahead = 0;
        nearest
    }
}

impl Slot<'_> {
    /// Sets the key's time to `ahead` of `now`, both in nanoseconds. False when another thread has
    /// changed the slot meanwhile; then find it again.
    pub(super) fn set(&self, now: u64, ahead: u64) -> bool {
        debug_assert!(ahead <= MAX_AHEAD_NS);
        let time = now.wrapping_add(ahead) & TIME_MASK;
        let (old, new) = (self.seen, self.tag << TIME_BITS | time);
        let result = self
            .cell
            .compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
        result.is_ok()
    }
}

fn ahead_of(slot: u64, now: u64) -> u64 {
    let ahead = slot.wrapping_sub(now) & TIME_MASK;
    // Just before the times wrap to zero, an unused slot would seem ahead of now.
    let is_kept = slot != 0 && ahead <= MAX_AHEAD_NS;
    if is_kept { ahead } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A key of set 0, and its tag.
    fn hash(tag: u64) -> u64 {
        tag << TIME_BITS
    }

    #[test]
    fn a_time_is_kept_until_it_is_reached() {
        let slots = Slots::new(4);
        assert!(slots.find(hash(7), 1000).set(1000, 50));
        assert_eq!(slots.find(hash(7), 1000).ahead, 50);
        assert_eq!(slots.find(hash(7), 1049).ahead, 1);
        assert_eq!(slots.find(hash(7), 1051).ahead, 0);
        assert_eq!(slots.find(hash(8), 1000).ahead, 0);
        assert_eq!(slots.find(hash(7) + 1, 1000).ahead, 0, "another set");
    }

    #[test]
    fn a_key_whose_tag_is_zero_does_not_find_unused_slots() {
        let now = TIME_MASK - 10;
        let slots = Slots::new(1);
        assert_eq!(slots.find(0, now).ahead, 0);
        // Nor does what it keeps look like an unused slot when all other bits are zero too.
        assert!(slots.find(0, now).set(now, 11));
        assert_eq!(slots.find(0, now).ahead, 11);
    }

    #[test]
    fn an_unused_slot_is_free_at_any_time() {
        for before_the_end in [0, 1, 1_000_000, MAX_AHEAD_NS, MAX_AHEAD_NS + 1] {
            let (slots, now) = (Slots::new(1), TIME_MASK - before_the_end);
            for tag in 1..=8 {
                assert!(slots.find(hash(tag), now).set(now, 100 + tag));
            }
            let kept = (1..=8).filter(|tag| slots.find(hash(*tag), now).ahead == 100 + tag);
            assert_eq!(kept.count(), 8, "{before_the_end}");
        }
    }

    #[test]
    fn a_full_set_evicts_the_entry_with_the_least_to_remember() {
        let slots = Slots::new(1);
        for tag in 1..=8 {
            assert!(slots.find(hash(tag), 0).set(0, 100 - tag));
        }
        assert!(slots.find(hash(9), 0).set(0, 1));
        let kept: Vec<u64> = (1..=9)
            .filter(|tag| slots.find(hash(*tag), 0).ahead > 0)
            .collect();
        assert_eq!(kept, [1, 2, 3, 4, 5, 6, 7, 9]);
    }

    #[test]
    fn when_two_threads_find_the_same_slot_one_must_search_again() {
        let slots = Slots::new(1);
        let (first, second) = (slots.find(hash(1), 0), slots.find(hash(2), 0));
        assert!(first.set(0, 5));
        assert!(!second.set(0, 6));
        assert_eq!(slots.find(hash(1), 0).ahead, 5);
    }

    proptest! {
        #[test]
        fn a_single_key_is_a_plain_variable(
            start in any::<u64>(),
            steps in prop::collection::vec((0..1_u64 << 36, 0..=MAX_AHEAD_NS), 1..50),
        ) {
            let slots = Slots::new(2);
            let (mut now, mut expected) = (start, 0_u64);
            for (passed, ahead) in steps {
                now = now.wrapping_add(passed);
                expected = expected.saturating_sub(passed);
                prop_assert_eq!(slots.find(hash(3), now).ahead, expected);
                prop_assert!(slots.find(hash(3), now).set(now, ahead));
                expected = ahead;
            }
        }
    }
}
