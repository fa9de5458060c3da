//! The wait for room in the backlog of a Unix listener, of which the kernel does not tell
//! (unix_stream_connect in net/unix/af_unix.c).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::endpoint::Family;

/// The interval between attempts while the backlog is full: 5 ms.
const RETRY_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 5_000_000,
};

/// A timer that fires when it is time to retry.
#[derive(Debug)]
pub(super) struct Retry(OwnedFd);

impl Retry {
    /// Whether the error of connect(2) means that the backlog is full.
    pub(super) fn is_needed(error: &io::Error, family: Option<Family>) -> bool {
        family == Some(Family::Unix) && error.raw_os_error() == Some(libc::EAGAIN)
    }

    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?))
    }

    /// Starts the timer again.
    pub(super) fn start(&self) -> io::Result<()> {
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: RETRY_INTERVAL,
        };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

impl AsFd for Retry {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
