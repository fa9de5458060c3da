//! Outcomes in the order of the texts, in whatever order they become known.

use std::collections::VecDeque;

use super::answer::Answer;
use super::outcome::Outcome;
use super::texts::{Next, Texts};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Result};

/// The most bytes of all texts in the queue, except for the last one: bounds the memory of the texts
/// and their answers regardless of the window.
const MAX_BYTES: usize = 64 << 20;

/// Numbers texts from 1 and returns their outcomes in that order.
#[derive(Debug)]
pub(super) struct Queue {
    /// The number of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    capacity: usize,
    bytes: usize,
    /// No text is added before those in the queue have left it.
    is_held: bool,
}

#[derive(Debug)]
struct Slot {
    /// The length of the text.
    bytes: usize,
    outcome: Option<Result<Answer>>,
}

impl Queue {
    /// A queue of at most `capacity` texts that have no outcome yet, or wait for an earlier one's.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            first: 1,
            slots: VecDeque::new(),
            capacity,
            bytes: 0,
            is_held: false,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        !self.is_held && self.slots.len() < self.capacity && self.bytes < MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds the next text, of `bytes` bytes, and returns its number.
    pub(super) fn push(&mut self, bytes: usize) -> u64 {
        self.bytes += bytes;
        self.slots.push_back(Slot {
            bytes,
            outcome: None,
        });
        self.first + self.slots.len() as u64 - 1
    }

    /// The next text failed before it was sent. Nothing more is taken from its source until this is
    /// reported: the observer may break, and the source may be endless.
    pub(super) fn push_failed(&mut self, error: Error) {
        let number = self.push(0);
        self.settle(number, Err(error));
        self.is_held = true;
    }

    /// Text `number` has its outcome.
    pub(super) fn settle(&mut self, number: u64, result: Result<Answer>) {
        let slot = number
            .checked_sub(self.first)
            .and_then(|index| self.slots.get_mut(index as usize));
        debug_assert!(
            slot.as_ref().is_some_and(|slot| slot.outcome.is_none()),
            "text {number} settled twice"
        );
        if let Some(slot) = slot {
            slot.outcome = Some(result);
        }
    }

    /// The next outcome in order, once it is known.
    pub(super) fn pop(&mut self) -> Option<Outcome> {
        self.slots.front()?.outcome.as_ref()?;
        let slot = self.slots.pop_front()?;
        let result = slot.outcome?;
        self.bytes -= slot.bytes;
        self.is_held &= !self.slots.is_empty();
        let number = self.first;
        self.first += 1;
        Some(Outcome { number, result })
    }

    /// Adds the remaining texts as stopped before they were sent. The rest of a source that must be
    /// waited for is unknown.
    pub(super) fn stop_unsent(&mut self, texts: &mut dyn Texts, endpoint: &Endpoint) -> Result<()> {
        while texts.descriptor().is_none()
            && !matches!(
                texts.next(0).map_err(Error::Texts)?,
                Next::End | Next::NotYet
            )
        {
            let number = self.push(0);
            self.stop(number, endpoint);
        }
        Ok(())
    }

    /// Text `number` was stopped before its answer arrived.
    pub(super) fn stop(&mut self, number: u64, endpoint: &Endpoint) {
        let endpoint = endpoint.clone();
        self.settle(number, Err(Error::Stopped { endpoint }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_in_the_order_of_the_texts() {
        let mut queue = Queue::new(3);
        let numbers = [queue.push(1), queue.push(1), queue.push(1)];
        assert_eq!(numbers, [1, 2, 3]);
        assert!(!queue.has_room());
        let outcome = || Err(Error::NoAddress);
        queue.settle(3, outcome());
        queue.settle(2, outcome());
        assert!(queue.pop().is_none());
        queue.settle(1, outcome());
        assert_eq!(queue.pop().unwrap().number, 1);
        assert_eq!(queue.pop().unwrap().number, 2);
        assert_eq!(queue.push(1), 4);
        assert_eq!(queue.pop().unwrap().number, 3);
        assert!(queue.pop().is_none());
    }

    #[test]
    fn long_texts_fill_the_queue_and_one_always_fits() {
        let mut queue = Queue::new(100);
        let number = queue.push(MAX_BYTES);
        assert!(!queue.has_room());
        queue.settle(number, Err(Error::NoAddress));
        assert!(queue.pop().is_some());
        assert!(queue.has_room());
    }

    #[test]
    fn a_text_that_failed_unsent_is_reported_before_the_next_is_taken() {
        let mut queue = Queue::new(100);
        let first = queue.push(1);
        queue.push_failed(Error::NoAddress);
        queue.settle(first, Err(Error::NoAddress));
        assert!(queue.pop().is_some());
        assert!(!queue.has_room());
        assert!(queue.pop().is_some());
        assert!(queue.has_room());
    }
}
