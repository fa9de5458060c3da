//! The directory of a socket file, and the lock on it (flock(2)).
//!
//! The lock keeps two servers that find the same stale file from both removing it. It is only
//! advisory: many file systems do not support it, and other programs may hold it for their own
//! reasons, so a server that cannot take it continues without.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::plain;
use crate::sys;

/// An open directory. It stays the same one when its path changes.
#[derive(Debug)]
pub(super) struct Directory(File);

/// The lock, if it was free. Dropping it releases it.
pub(super) struct Lock<'a>(&'a Directory);

impl Directory {
    /// The parent directory of `path`; the file itself need not exist.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let open = |flags| {
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(libc::O_DIRECTORY | flags);
            options.open(parent)
        };
        // A directory without read permission (mode 0300) can hold our file, but cannot be locked.
        open(0).or_else(|_| open(sys::SEARCH_ONLY)).map(Self)
    }

    /// Takes the lock, if it becomes free within `timeout`.
    pub(super) fn lock(&self, timeout: Duration) -> Lock<'_> {
        const INTERVAL: Duration = Duration::from_millis(5);
        let begin = Instant::now();
        loop {
            match self.0.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begin.elapsed() < timeout => {
                    std::thread::sleep(INTERVAL);
                }
                Err(TryLockError::WouldBlock) => {
                    tracing::debug!("another process holds the lock of the directory; not waiting");
                    break;
                }
                Err(TryLockError::Error(error)) => {
                    tracing::debug!("the directory cannot be locked: {}", plain(&error));
                    break;
                }
            }
        }
        Lock(self)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Fails when the lock was never taken, which does no harm.
        let _ = self.0.0.unlock();
    }
}
