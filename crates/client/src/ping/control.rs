//! Ends a run from another thread, or requests its figures so far.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bullhorn_socket::Stop;

/// Controls a run. It may be cloned, and used from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    stop: Stop,
    report: Arc<Report>,
}

#[derive(Debug)]
struct Report {
    is_requested: AtomicBool,
    wake: io::PipeWriter,
    woken: io::PipeReader,
}

impl Control {
    /// A control for one run.
    ///
    /// # Errors
    /// The kernel's, if it cannot create a pipe.
    pub fn new() -> io::Result<Self> {
        Self::with_stop(Stop::new()?)
    }

    /// A control for a run that `stop` ends too.
    ///
    /// # Errors
    /// The kernel's, if it cannot create a pipe.
    pub fn with_stop(stop: Stop) -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        Ok(Self {
            stop,
            report: Arc::new(Report {
                is_requested: AtomicBool::new(false),
                wake,
                woken,
            }),
        })
    }

    /// Ends the run now; probes without an answer stay pending.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Requests the figures so far, for [`Observer::interim`](super::Observer::interim); the run
    /// continues.
    pub fn report(&self) {
        self.report.is_requested.store(true, Ordering::Release);
        // The other end is in this very value, so it is open.
        let _ = (&self.report.wake).write(&[0]);
    }

    pub(super) fn stopped_by(&self) -> &Stop {
        &self.stop
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    pub(super) fn take_report(&self) -> bool {
        self.report.is_requested.swap(false, Ordering::AcqRel)
    }

    /// Readable when a report is requested.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.report.woken.as_fd()
    }

    /// Reads what made the descriptor readable.
    pub(super) fn clear(&self) {
        let _ = (&self.report.woken).read(&mut [0; 64]);
    }
}
