//! The connections that can proceed without an event.
//!
//! Events are edge-triggered: the kernel reports once that something has arrived, however much of
//! it the next turn leaves unread. A connection therefore stays listed until the kernel has nothing
//! more for it, and an event loop with listed connections polls without waiting.

use std::collections::VecDeque;

/// The keys of connections, each at most once, in the order in which they take turns.
#[derive(Debug, Default)]
pub(super) struct ReadyList {
    queue: VecDeque<usize>,
    /// By key.
    is_listed: Vec<bool>,
}

impl ReadyList {
    /// Appends a key; one that is listed keeps its turn.
    pub(super) fn push(&mut self, key: usize) {
        if key >= self.is_listed.len() {
            self.is_listed.resize(key + 1, false);
        }
        if !std::mem::replace(&mut self.is_listed[key], true) {
            self.queue.push_back(key);
        }
    }

    /// Removes the key whose turn it is.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let key = self.queue.pop_front()?;
        self.is_listed[key] = false;
        Some(key)
    }

    /// Removes the key of a closed connection, which the next connection will get.
    pub(super) fn remove(&mut self, key: usize) {
        if let Some(is_listed) = self.is_listed.get_mut(key)
            && std::mem::take(is_listed)
        {
            self.queue.retain(|listed| *listed != key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mut list: ReadyList) -> Vec<usize> {
        std::iter::from_fn(|| list.pop()).collect()
    }

    #[test]
    fn connections_take_turns_in_the_order_of_their_first_event() {
        let mut list = ReadyList::default();
        for key in [7, 0, 7, 3, 0] {
            list.push(key);
        }
        assert_eq!(list.len(), 3);
        assert_eq!(drained(list), [7, 0, 3]);
    }

    #[test]
    fn a_connection_that_is_not_done_goes_to_the_back() {
        let mut list = ReadyList::default();
        [1, 2].into_iter().for_each(|key| list.push(key));
        let first = list.pop().unwrap();
        list.push(first);
        assert_eq!(drained(list), [2, 1]);
    }

    #[test]
    fn a_closed_connection_leaves_no_turn_to_the_next_one_with_its_key() {
        let mut list = ReadyList::default();
        [1, 2].into_iter().for_each(|key| list.push(key));
        list.remove(1);
        list.remove(1);
        list.remove(1000);
        assert_eq!(list.len(), 1);
        list.push(1);
        assert_eq!(drained(list), [2, 1]);
    }

    #[test]
    fn a_list_whose_keys_are_reused_does_not_grow() {
        let mut list = ReadyList::default();
        for key in (0..8).cycle().take(10_000) {
            list.push(key);
            assert_eq!(list.pop(), Some(key));
        }
        assert!(list.is_empty());
        assert!(list.queue.capacity() <= 8 && list.is_listed.capacity() <= 16);
    }
}
