//! Recently settled replies, kept to recognise late copies.
//!
//! A datagram may be copied or delayed on its way and arrive long after its text is settled: on a
//! flow that has another text by then, or on a new flow that got the same port from the kernel.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Replies in one generation; two are kept, at 8 to 16 bytes a reply.
const GENERATION: usize = 1 << 17;

/// A set of hashes of recent replies, of bounded size.
#[derive(Default)]
pub(super) struct RecentReplies {
    hasher: RandomState,
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl RecentReplies {
    /// From now on another copy of this reply is late.
    pub(super) fn insert(&mut self, reply: &[u8]) {
        if self.newer.len() >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(self.hasher.hash_one(reply));
    }

    /// Whether these bytes are the reply to a settled text.
    pub(super) fn contains(&self, reply: &[u8]) -> bool {
        let hash = self.hasher.hash_one(reply);
        self.newer.contains(&hash) || self.older.contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_replies_are_recognised_and_memory_is_bounded() {
        let mut recent = RecentReplies::default();
        let reply = |number: usize| number.to_le_bytes();
        for number in 0..5 * GENERATION {
            recent.insert(&reply(number));
        }
        assert!((4 * GENERATION..5 * GENERATION).all(|number| recent.contains(&reply(number))));
        assert!(!recent.contains(&reply(0)));
        assert!(recent.newer.len() + recent.older.len() <= 2 * GENERATION);
    }
}
