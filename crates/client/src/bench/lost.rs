//! The numbers of the requests that were lost most recently, so that a late reply to one does not
//! count as a duplicate.

use std::collections::VecDeque;

pub(super) struct LostNumbers {
    /// In ascending order.
    numbers: VecDeque<u64>,
    max: usize,
}

impl LostNumbers {
    /// Remembers at most `max` numbers.
    pub(super) fn new(max: usize) -> Self {
        Self {
            numbers: VecDeque::new(),
            max,
        }
    }

    /// Adds a number that is higher than all before, and forgets the lowest if there are too many.
    pub(super) fn push(&mut self, number: u64) {
        if self.numbers.len() >= self.max {
            self.numbers.pop_front();
        }
        self.numbers.push_back(number);
    }

    /// Removes a number; false when it is not remembered.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let found = self.numbers.binary_search(&number);
        found.is_ok_and(|index| self.numbers.remove(index).is_some())
    }
}
