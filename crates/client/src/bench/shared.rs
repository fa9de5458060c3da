//! What a run and its workers see of each other: the wish to end, and how far each worker is. What
//! a worker has found is its own until it is done.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize};

/// What all workers and their observer see.
pub(super) struct Shared {
    /// 0 goes on, [`STOP`] sends no more, [`ABORT`] waits for no more.
    pub(super) control: AtomicU8,
    /// How many workers are done.
    pub(super) finished: AtomicUsize,
    /// What each worker has sent and had answered right, as it last said.
    pub(super) progress: Vec<(AtomicU64, AtomicU64)>,
}

impl Shared {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            control: AtomicU8::new(0),
            finished: AtomicUsize::new(0),
            progress: (0..workers).map(|_| Default::default()).collect(),
        }
    }
}

/// Sends no more.
pub(super) const STOP: u8 = 1;
/// Waits for no more.
pub(super) const ABORT: u8 = 2;
