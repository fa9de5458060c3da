//! Which flows may send, and which wait for replies.

use std::collections::VecDeque;

/// Queues of the flows of a worker, which are numbered from 0.
pub(super) struct Queues {
    /// Flows that may send: with room in the window, or all of them with a schedule.
    ready: VecDeque<u32>,
    /// Flows with outstanding requests, the longest waiting first.
    waiting: VecDeque<u32>,
    flows: Vec<FlowState>,
}

#[derive(Clone, Copy, Default)]
struct FlowState {
    is_ready: bool,
    is_waiting: bool,
    is_closed: bool,
}

impl Queues {
    /// All of `count` flows may send.
    pub(super) fn new(count: usize) -> Self {
        let ready = FlowState {
            is_ready: true,
            ..FlowState::default()
        };
        Self {
            ready: (0..count as u32).collect(),
            waiting: VecDeque::with_capacity(count),
            flows: vec![ready; count],
        }
    }

    pub(super) fn count(&self) -> usize {
        self.flows.len()
    }

    pub(super) fn pop_ready(&mut self) -> Option<usize> {
        let index = self.ready.pop_front()? as usize;
        self.flows[index].is_ready = false;
        Some(index)
    }

    /// The flow may send, in its turn.
    pub(super) fn push_ready(&mut self, index: usize) {
        let flow = &mut self.flows[index];
        if !flow.is_ready && !flow.is_closed {
            flow.is_ready = true;
            self.ready.push_back(index as u32);
        }
    }

    pub(super) fn longest_waiting(&self) -> Option<usize> {
        self.waiting.front().map(|index| *index as usize)
    }

    pub(super) fn pop_waiting(&mut self) {
        if let Some(index) = self.waiting.pop_front() {
            self.flows[index as usize].is_waiting = false;
        }
    }

    /// The flow waits for replies, behind those that already do.
    pub(super) fn push_waiting(&mut self, index: usize) {
        let flow = &mut self.flows[index];
        if !flow.is_waiting {
            flow.is_waiting = true;
            self.waiting.push_back(index as u32);
        }
    }

    pub(super) fn is_waiting(&self, index: usize) -> bool {
        self.flows[index].is_waiting
    }

    pub(super) fn is_closed(&self, index: usize) -> bool {
        self.flows[index].is_closed
    }

    pub(super) fn are_all_closed(&self) -> bool {
        self.flows.iter().all(|flow| flow.is_closed)
    }

    /// The flow sends no more; false if it was closed before.
    pub(super) fn close(&mut self, index: usize) -> bool {
        !std::mem::replace(&mut self.flows[index].is_closed, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_in_each_queue_once_and_a_closed_one_is_never_ready_again() {
        let mut queues = Queues::new(2);
        queues.push_ready(0);
        let ready: Vec<usize> = std::iter::from_fn(|| queues.pop_ready()).collect();
        assert_eq!(ready, [0, 1]);
        assert!(queues.close(0));
        assert!(!queues.close(0));
        queues.push_ready(0);
        queues.push_ready(1);
        assert_eq!((queues.pop_ready(), queues.pop_ready()), (Some(1), None));
        assert!(!queues.are_all_closed());

        queues.push_waiting(1);
        queues.push_waiting(0);
        queues.push_waiting(1);
        assert_eq!(queues.longest_waiting(), Some(1));
        queues.pop_waiting();
        assert!(!queues.is_waiting(1) && queues.is_waiting(0));
        queues.pop_waiting();
        assert_eq!(queues.longest_waiting(), None);
    }
}
