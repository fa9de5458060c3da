//! How another thread ends a call that waits.
//!
//! Everything that waits on the client side (resolving, connecting, sending, receiving, reading
//! texts) waits for a [`Stop`] too. Its descriptor stays readable once the stop has come, so any
//! number of waits may share one.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Ends every call that waits for it. Clones share one state; any thread may use them.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// `None` for one that never comes.
    shared: Option<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    level: AtomicU8,
    wake: io::PipeWriter,
    woken: io::PipeReader,
}

const STOPPED: u8 = 1;
const AT_ONCE: u8 = 2;

impl Stop {
    /// A stop that has not come yet.
    ///
    /// # Errors
    /// The kernel's, if it cannot create a pipe.
    pub fn new() -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        Ok(Self {
            shared: Some(Arc::new(Shared {
                level: AtomicU8::new(0),
                wake,
                woken,
            })),
        })
    }

    /// A stop that never comes, for callers who need none.
    pub const fn never() -> Self {
        Self { shared: None }
    }

    /// Starts nothing new and does not wait long: what is known by now is the result.
    pub fn stop(&self) {
        self.raise(STOPPED);
    }

    /// Stops, and skips even the short wait for what is in flight.
    pub fn stop_at_once(&self) {
        self.raise(AT_ONCE);
    }

    fn raise(&self, level: u8) {
        if let Some(shared) = &self.shared
            && shared.level.fetch_max(level, Ordering::AcqRel) == 0
        {
            // The byte is never read, so the pipe stays readable; its reader lives in this value.
            let _ = (&shared.wake).write(&[0]);
        }
    }

    /// Whether the stop has come.
    pub fn is_stopped(&self) -> bool {
        self.level() >= STOPPED
    }

    /// Whether the work is to end [at once](Self::stop_at_once).
    pub fn is_at_once(&self) -> bool {
        self.level() >= AT_ONCE
    }

    fn level(&self) -> u8 {
        let shared = self.shared.as_ref();
        shared.map_or(0, |shared| shared.level.load(Ordering::Acquire))
    }

    /// Becomes readable with the stop, and stays so: for poll(2), not for reading.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.shared.as_ref().map(|shared| shared.woken.as_fd())
    }

    /// Waits until `other` is readable, the stop has come or the time is up (`None` is never), or a
    /// signal interrupts the wait; the caller checks which.
    ///
    /// # Errors
    /// The kernel's.
    pub fn wait_with(
        &self,
        other: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let both = [self.descriptor(), other];
        let mut entries: Vec<PollFd<'_>> = both
            .into_iter()
            .flatten()
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN))
            .collect();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut entries, timeout.as_ref()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_every_wait_for_it_and_those_that_begin_later() {
        let stop = Stop::new().unwrap();
        assert!(!stop.is_stopped());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.is_stopped() {
                        stop.wait_with(None, None).unwrap();
                    }
                });
            }
            stop.clone().stop();
        });
        stop.wait_with(None, None).unwrap();
        assert!(stop.is_stopped() && !stop.is_at_once());
        stop.stop_at_once();
        assert!(stop.is_at_once());
    }

    #[test]
    fn a_stop_that_never_comes_leaves_the_timeout_and_the_other_descriptor() {
        let stop = Stop::never();
        stop.stop();
        assert!(!stop.is_stopped());
        stop.wait_with(None, Some(Duration::from_millis(1)))
            .unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        stop.wait_with(Some(reader.as_fd()), None).unwrap();
    }
}
