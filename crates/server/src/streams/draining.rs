//! How a server tells its listeners, event loops and workers to end, and to hurry.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// How a server tells its listeners and connections to come to an end, and to hurry.
#[derive(Debug, Default)]
pub(crate) struct Draining {
    begun: AtomicBool,
    aborted: AtomicBool,
    pub(super) notify: Notify,
    pub(super) abort_notify: Notify,
}

impl Draining {
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.abort_notify.notify_waiters();
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }
}
