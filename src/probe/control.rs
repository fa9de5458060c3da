//! How a run is told, from another thread, to end or to say how it stands.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The asking side: may be cloned, and used from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    report: AtomicBool,
    wake: io::PipeWriter,
    woken: io::PipeReader,
}

impl Control {
    /// A control for one run.
    ///
    /// # Errors
    /// The kernel's, when it has no pipe left.
    pub fn new() -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        Ok(Self {
            shared: Arc::new(Shared {
                stop: AtomicBool::new(false),
                report: AtomicBool::new(false),
                wake,
                woken,
            }),
        })
    }

    /// Ends the run now; what has no answer yet stays pending.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks for a summary of what is known by now; the run goes on.
    pub fn report(&self) {
        self.shared.report.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        // With the other end in this very value, it cannot be closed.
        let _ = (&self.shared.wake).write(&[0]);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    pub(super) fn take_report(&self) -> bool {
        self.shared.report.swap(false, Ordering::AcqRel)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.woken.as_fd()
    }

    /// After the descriptor was found ready.
    pub(super) fn clear(&self) {
        let _ = (&self.shared.woken).read(&mut [0; 64]);
    }
}
