//! The queue of standard output and the thread that writes what is in it.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use bullhorn_socket::{PollSet, was_stdout_closed};

/// With so much in the queue, further lines wait or are dropped: some thousands of them.
const MAX_QUEUED: usize = 256 * 1024;

/// Several writers may share a pipe: what is not longer than PIPE_BUF is not mixed (pipe(7)).
const MAX_WRITE: usize = 4096;

/// What the verb and the thread that writes share.
pub(super) struct Writer {
    queue: Mutex<Queue>,
    filled: Condvar,
    /// An eventfd(2) beside the condition, as the verb waits for a signal at the same time.
    progress: OwnedFd,
}

#[derive(Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    /// The thread has taken bytes out that are not yet all written.
    is_writing: bool,
    /// Whether the verb waits for progress.
    is_awaited: bool,
    /// Bytes, since the beginning.
    written: u64,
    failure: Option<io::Error>,
}

impl Queue {
    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() < MAX_QUEUED
    }

    pub(super) fn is_written(&self) -> bool {
        self.bytes.is_empty() && !self.is_writing
    }
}

impl Writer {
    pub(super) fn start() -> io::Result<Arc<Self>> {
        if was_stdout_closed() {
            return Err(Errno::BADF.into());
        }
        let writer = Arc::new(Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            progress: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let thread = std::thread::Builder::new().name("output".to_owned());
        thread.spawn({
            let writer = Arc::clone(&writer);
            move || writer.run()
        })?;
        Ok(writer)
    }

    /// Whether standard output takes bytes without waiting.
    pub(super) fn has_room() -> io::Result<bool> {
        let stdout = io::stdout();
        let mut poll = PollSet::default();
        let place = poll.add(stdout.as_fd(), false, true);
        poll.wait(Some(Duration::ZERO))?;
        Ok(poll.ready(place).to_write)
    }

    /// Whether the queue is in this state.
    pub(super) fn is(&self, condition: impl Fn(&Queue) -> bool) -> bool {
        condition(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what `compose` writes into the queue; nothing once the thread has ended.
    pub(super) fn append(
        &self,
        compose: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut queue = self.lock();
        if queue.failure.is_none() {
            let is_idle = queue.is_written();
            compose(&mut queue.bytes)?;
            drop(queue);
            if is_idle {
                self.filled.notify_one();
            }
        }
        Ok(())
    }

    /// The bytes written so far, or `None` when it `is_over` or has failed. After this the eventfd
    /// becomes readable with the next progress.
    pub(super) fn await_progress(&self, is_over: impl Fn(&Queue) -> bool) -> Option<u64> {
        let mut queue = self.lock();
        // The count is of no interest, and there may be none.
        let _ = rustix::io::read(&self.progress, &mut [0; 8]);
        queue.is_awaited = !is_over(&queue) && queue.failure.is_none();
        queue.is_awaited.then_some(queue.written)
    }

    /// Becomes readable with progress that is awaited.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.progress.as_fd()
    }

    /// Why the thread has ended, once.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.lock().failure.take()
    }

    fn update(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        let is_awaited = queue.is_awaited;
        change(&mut queue);
        if is_awaited {
            // Fails only with a count near 2^64.
            let _ = rustix::io::write(&self.progress, &1u64.to_ne_bytes());
        }
    }

    fn run(&self) {
        let mut bytes = Vec::new();
        loop {
            self.take(&mut bytes);
            if let Err(error) = self.write_all(&bytes) {
                return self.update(|queue| {
                    *queue = Queue {
                        failure: Some(error),
                        ..Queue::default()
                    }
                });
            }
            bytes.clear();
            bytes.shrink_to(MAX_QUEUED);
            self.update(|queue| queue.is_writing = false);
        }
    }

    /// Exchanges the queue for the empty `bytes` once there is something in it.
    fn take(&self, bytes: &mut Vec<u8>) {
        let queue = self.lock();
        let queue = self
            .filled
            .wait_while(queue, |queue| queue.bytes.is_empty());
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.bytes, bytes);
        queue.is_writing = true;
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(io::stdout(), whole_lines(bytes)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.update(|queue| queue.written += written as u64);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let stdout = io::stdout();
                    let mut poll = PollSet::default();
                    poll.add(stdout.as_fd(), false, true);
                    poll.wait(None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// As many lines as go in one write; a longer one goes in parts.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let Some(part) = bytes.get(..MAX_WRITE) else {
        return bytes;
    };
    let end = part.iter().rposition(|byte| *byte == b'\n');
    &part[..end.map_or(MAX_WRITE, |end| end + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_not_cut_unless_they_are_too_long() {
        assert_eq!(whole_lines(b"a\nb"), b"a\nb");
        let mut long = vec![b'x'; MAX_WRITE - 1];
        long.extend(b"\nnext\n");
        assert_eq!(whole_lines(&long).len(), MAX_WRITE);
        long.insert(0, b'x');
        assert_eq!(whole_lines(&long).len(), MAX_WRITE);
        long[10] = b'\n';
        assert_eq!(whole_lines(&long).len(), 11);
    }
}
