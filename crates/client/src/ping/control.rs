//! How a run is told, from another thread, to end or to say how it stands.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bullhorn_socket::stop::Stop;

/// The asking side: may be cloned, and used from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    stop: Stop,
    report: Arc<Report>,
}

#[derive(Debug)]
struct Report {
    is_wanted: AtomicBool,
    wake: io::PipeWriter,
    woken: io::PipeReader,
}

impl Control {
    /// A control for one run.
    ///
    /// # Errors
    /// The kernel's, when it has no pipe left.
    pub fn new() -> io::Result<Self> {
        Self::with_stop(Stop::new()?)
    }

    /// A control for one run that `stop` ends.
    ///
    /// # Errors
    /// The kernel's, when it has no pipe left.
    pub fn with_stop(stop: Stop) -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        Ok(Self {
            stop,
            report: Arc::new(Report {
                is_wanted: AtomicBool::new(false),
                wake,
                woken,
            }),
        })
    }

    /// Ends the run now; what has no answer yet stays pending.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Asks for a summary of what is known by now; the run goes on.
    pub fn report(&self) {
        self.report.is_wanted.store(true, Ordering::Release);
        // With the other end in this very value, it cannot be closed.
        let _ = (&self.report.wake).write(&[0]);
    }

    pub(super) fn stopped_by(&self) -> &Stop {
        &self.stop
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    pub(super) fn take_report(&self) -> bool {
        self.report.is_wanted.swap(false, Ordering::AcqRel)
    }

    /// Readable when a report is wanted.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.report.woken.as_fd()
    }

    /// After the descriptor was found ready.
    pub(super) fn clear(&self) {
        let _ = (&self.report.woken).read(&mut [0; 64]);
    }
}
