//! Outcomes in the order of the texts, whatever the order in which they come in.

use std::collections::VecDeque;

use super::{Answer, Outcome};
use crate::error::Result;

/// Numbers texts from 1 and gives their outcomes back in that order.
#[derive(Debug)]
pub(super) struct Queue {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Option<Result<Answer>>>,
    capacity: usize,
}

impl Queue {
    /// At most `capacity` texts have no outcome yet or wait for an earlier one's.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            first: 1,
            slots: VecDeque::new(),
            capacity,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < self.capacity
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Gives the next text its number.
    pub(super) fn push(&mut self) -> u64 {
        self.slots.push_back(None);
        self.first + self.slots.len() as u64 - 1
    }

    /// Text `number` has its outcome.
    pub(super) fn settle(&mut self, number: u64, result: Result<Answer>) {
        let slot = number
            .checked_sub(self.first)
            .and_then(|index| self.slots.get_mut(index as usize));
        debug_assert!(matches!(slot, Some(None)), "text {number} settled twice");
        if let Some(slot) = slot {
            *slot = Some(result);
        }
    }

    /// The next outcome in order, once it is there.
    pub(super) fn pop(&mut self) -> Option<Outcome> {
        self.slots.front()?.as_ref()?;
        let result = self.slots.pop_front()??;
        let number = self.first;
        self.first += 1;
        Some(Outcome { number, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn outcomes_come_in_the_order_of_the_texts() {
        let mut queue = Queue::new(3);
        let numbers = [queue.push(), queue.push(), queue.push()];
        assert_eq!(numbers, [1, 2, 3]);
        assert!(!queue.has_room());
        let outcome = || Err(Error::Usage(String::new()));
        queue.settle(3, outcome());
        queue.settle(2, outcome());
        assert!(queue.pop().is_none());
        queue.settle(1, outcome());
        assert_eq!(queue.pop().unwrap().number, 1);
        assert_eq!(queue.pop().unwrap().number, 2);
        assert_eq!(queue.push(), 4);
        assert_eq!(queue.pop().unwrap().number, 3);
        assert!(queue.pop().is_none());
    }
}
