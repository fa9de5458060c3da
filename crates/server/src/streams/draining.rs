//! How a server tells its event loops and workers to end, and to hurry.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use mio::Waker;

#[derive(Debug, Default)]
pub(crate) struct Draining {
    has_begun: AtomicBool,
    is_aborted: AtomicBool,
    /// One for each event loop.
    wakers: OnceLock<Vec<Arc<Waker>>>,
}

impl Draining {
    /// The event loops to wake from now on. Only the first call has an effect.
    pub(super) fn set_wakers(&self, wakers: Vec<Arc<Waker>>) {
        let _ = self.wakers.set(wakers);
    }

    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    pub(crate) fn abort(&self) {
        self.is_aborted.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::Acquire)
    }

    fn wake_all(&self) {
        for waker in self.wakers.get().into_iter().flatten() {
            let _ = waker.wake();
        }
    }
}
