//! Waiting for several descriptors at once: ppoll(2), whose timeouts are nanoseconds, on Linux and
//! FreeBSD; poll(2), whose timeouts are whole milliseconds, rounded up, on macOS.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::stop::Stop;

/// Longer waits end early, with nothing ready: poll(2) counts milliseconds in an int.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The descriptors to wait for, and for each the readiness to wait for.
#[derive(Debug, Default)]
pub struct PollSet<'a> {
    entries: Vec<PollFd<'a>>,
}

/// What a descriptor is ready for. An error or a hang-up is ready for everything, so that the next
/// call on it reports the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    pub to_read: bool,
    pub to_write: bool,
}

impl<'a> PollSet<'a> {
    /// Adds a descriptor; returns its place for [`Self::ready`].
    pub fn add(&mut self, descriptor: BorrowedFd<'a>, to_read: bool, to_write: bool) -> usize {
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, to_read);
        events.set(PollFlags::OUT, to_write);
        self.entries
            .push(PollFd::from_borrowed_fd(descriptor, events));
        self.entries.len() - 1
    }

    /// Adds what becomes ready when the wait is to end.
    pub fn add_stop(&mut self, stop: &'a Stop) {
        if let Some(descriptor) = stop.descriptor() {
            self.add(descriptor, true, false);
        }
    }

    /// Waits until a descriptor is ready or the time is up; `None` waits forever. An interrupted
    /// wait is an ordinary end with nothing ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| timeout.min(MAX_WAIT));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut self.entries, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => {
                self.entries.iter_mut().for_each(PollFd::clear_revents);
                Ok(())
            }
            result => Ok(result.map(drop)?),
        }
    }

    /// What the descriptor at `place` was found ready for.
    pub fn ready(&self, place: usize) -> Ready {
        let events = self.entries.get(place).map(PollFd::revents);
        let events = events.unwrap_or(PollFlags::empty());
        let failed = events.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        Ready {
            to_read: failed || events.contains(PollFlags::IN),
            to_write: failed || events.contains(PollFlags::OUT),
        }
    }
}
