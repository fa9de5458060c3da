//! Waiting for several descriptors at once: ppoll(2).

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

use crate::stop::Stop;

/// The descriptors to wait for, and for each the readiness to wait for.
#[derive(Debug, Default)]
pub struct PollSet<'a> {
    entries: Vec<libc::pollfd>,
    descriptors: PhantomData<BorrowedFd<'a>>,
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
        let mut events = 0;
        if to_read {
            events |= libc::POLLIN;
        }
        if to_write {
            events |= libc::POLLOUT;
        }
        self.entries.push(libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events,
            revents: 0,
        });
        self.entries.len() - 1
    }

    /// Adds what becomes ready when the wait is to end.
    pub fn add_stop(&mut self, stop: &'a Stop) {
        if let Some(descriptor) = stop.descriptor() {
            self.add(descriptor, true, false);
        }
    }

    /// Waits until a descriptor is ready or the time is up; `None` waits for ever. An interrupted
    /// wait is an ordinary end with nothing ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos() as _,
        });
        // SAFETY: the pointer and length are those of a vector that we own; every descriptor in it
        // is borrowed for 'a and so open; a null timeout and a null signal mask are allowed.
        let result = unsafe {
            libc::ppoll(
                self.entries.as_mut_ptr(),
                self.entries.len() as _,
                timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
                ptr::null(),
            )
        };
        if result < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                self.entries.iter_mut().for_each(|entry| entry.revents = 0);
                return Ok(());
            }
            return Err(error);
        }
        Ok(())
    }

    /// What the descriptor at `place` was found ready for.
    pub fn ready(&self, place: usize) -> Ready {
        let events = self.entries.get(place).map_or(0, |entry| entry.revents);
        let failed = events & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0;
        Ready {
            to_read: failed || events & libc::POLLIN != 0,
            to_write: failed || events & libc::POLLOUT != 0,
        }
    }
}
