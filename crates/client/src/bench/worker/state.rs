//! The state of a worker: the queues of its flows, its time and its tallies. What is under way on
//! a flow is in its ledger.

use std::collections::VecDeque;

/// What changes while a worker runs.
pub(super) struct State {
    /// Flows that may send: with room in the window, or all of them with a schedule.
    pub(super) ready: VecDeque<u32>,
    /// Flows with something under way, the one that waits longest first.
    pub(super) active: VecDeque<u32>,
    pub(super) flows: Vec<Flags>,
    pub(super) now_ns: u64,
    pub(super) is_measuring: bool,
    pub(super) is_sending: bool,
    pub(super) empty_in_a_row: u32,
    pub(super) idle_since_ns: Option<u64>,
    pub(super) polls: u64,
    pub(super) empty_polls: u64,
    pub(super) refused: u64,
    pub(super) closed: u64,
    pub(super) publish_at_ns: u64,
}

/// How a flow stands: in which queue it is, and whether it goes on at all.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) is_ready: bool,
    pub(super) is_active: bool,
    pub(super) is_closed: bool,
}

impl State {
    /// All of `count` flows may send.
    pub(super) fn new(count: usize, now_ns: u64) -> Self {
        Self {
            ready: (0..count as u32).collect(),
            active: VecDeque::with_capacity(count),
            flows: vec![
                Flags {
                    is_ready: true,
                    ..Flags::default()
                };
                count
            ],
            now_ns,
            is_measuring: false,
            is_sending: true,
            empty_in_a_row: 0,
            idle_since_ns: None,
            polls: 0,
            empty_polls: 0,
            refused: 0,
            closed: 0,
            publish_at_ns: 0,
        }
    }
}
