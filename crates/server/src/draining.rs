//! How a server makes its event loops and workers end, and cuts the drain short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mio::Waker;

/// How long a stopping server keeps answering what it has received.
///
/// ```
/// // The time that a service manager should give the server to stop.
/// let timeout = bullhorn_server::DRAIN_TIMEOUT + std::time::Duration::from_secs(1);
/// assert_eq!(timeout.as_secs(), 3);
/// ```
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The state of the drain, shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Draining {
    has_begun: AtomicBool,
    is_aborted: AtomicBool,
    /// One for each event loop.
    wakers: OnceLock<Vec<Arc<Waker>>>,
}

impl Draining {
    /// The event loops to wake from now on. Only the first call has an effect.
    pub(crate) fn set_wakers(&self, wakers: Vec<Arc<Waker>>) {
        let _ = self.wakers.set(wakers);
    }

    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(crate) fn has_begun(&self) -> bool {
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

/// Cuts the drain of a stopping server short.
#[derive(Clone, Debug)]
pub struct AbortHandle(Arc<Draining>);

impl AbortHandle {
    pub(super) fn new(draining: &Arc<Draining>) -> Self {
        Self(draining.clone())
    }

    /// Closes the connections that are still being answered. Has no effect until the server stops.
    pub fn abort(&self) {
        self.0.abort();
    }
}
