//! Wakes event loops whose listeners lack descriptors when a connection closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Waker;

/// Shared by all event loops, which are numbered.
#[derive(Debug)]
pub(super) struct Closed {
    waiting: Vec<(AtomicBool, Arc<Waker>)>,
}

impl Closed {
    pub(super) fn new(wakers: &[Arc<Waker>]) -> Self {
        let waiting = wakers
            .iter()
            .map(|waker| (AtomicBool::new(false), waker.clone()));
        Self {
            waiting: waiting.collect(),
        }
    }

    /// The next connection that closes, on any loop, wakes loop `index`.
    pub(super) fn wait(&self, index: usize) {
        self.waiting[index].0.store(true, Ordering::Release);
    }

    /// Whether no connection has closed since [`wait`](Self::wait).
    pub(super) fn is_waiting(&self, index: usize) -> bool {
        self.waiting[index].0.load(Ordering::Acquire)
    }

    pub(super) fn notify(&self) {
        for (is_waiting, waker) in &self.waiting {
            if is_waiting.load(Ordering::Relaxed) && is_waiting.swap(false, Ordering::AcqRel) {
                let _ = waker.wake();
            }
        }
    }
}
