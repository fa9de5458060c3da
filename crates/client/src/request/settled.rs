//! The answers that were had, or given up, not long ago: what a late copy of one is known by.
//!
//! A datagram may be copied or held up on its way, and come when its text is long settled, to a
//! flow that has another text by then, or to a new flow that the kernel gave the same port.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// How many answers one generation holds; two are kept, at 8 to 16 bytes an answer.
const GENERATION: usize = 1 << 17;

/// A set of hashes of recent answers, of constant size.
#[derive(Default)]
pub(super) struct Settled {
    hasher: RandomState,
    recent: HashSet<u64>,
    older: HashSet<u64>,
}

impl Settled {
    /// From now on another copy of this answer is late.
    pub(super) fn insert(&mut self, answer: &[u8]) {
        if self.recent.len() >= GENERATION {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(self.hasher.hash_one(answer));
    }

    /// Whether these bytes are an answer to a text that is settled.
    pub(super) fn contains(&self, answer: &[u8]) -> bool {
        let hash = self.hasher.hash_one(answer);
        self.recent.contains(&hash) || self.older.contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answers_are_known_and_memory_is_bounded() {
        let mut settled = Settled::default();
        let answer = |number: usize| number.to_le_bytes();
        for number in 0..5 * GENERATION {
            settled.insert(&answer(number));
        }
        assert!((4 * GENERATION..5 * GENERATION).all(|number| settled.contains(&answer(number))));
        assert!(!settled.contains(&answer(0)));
        assert!(settled.recent.len() + settled.older.len() <= 2 * GENERATION);
    }
}
