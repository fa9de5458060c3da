//! What a writer and its thread share: waiting for the thread, and the work of the thread.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::time::Instant;

use rustix::io::Errno;

use super::queue::Queue;
use bullhorn_socket::PollSet;

/// Several writers may share a pipe: a write of up to PIPE_BUF bytes is not interleaved (pipe(7)).
const MAX_WRITE: usize = 4096;

/// Time for the thread to run when a wait is over although the descriptor has room: then a busy machine
/// holds it up, and not the reader.
const TURN: Duration = Duration::from_millis(5);
const MAX_TURNS: u32 = 100;

/// The line that reports dropped lines.
pub(in crate::cli) type GapLine = fn(dropped: u64) -> String;

pub(super) struct Shared {
    descriptor: Option<BorrowedFd<'static>>,
    /// Without it, nothing is written after a failure: the gap would go unnoticed.
    gap_line: Option<GapLine>,
    queue: Mutex<Queue>,
    pub(super) queued: Condvar,
    pub(super) progressed: Condvar,
}

impl Shared {
    pub(super) fn new(descriptor: Option<BorrowedFd<'static>>, gap_line: Option<GapLine>) -> Self {
        Self {
            descriptor,
            gap_line,
            queue: Mutex::new(Queue::new()),
            queued: Condvar::new(),
            progressed: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False when nothing was written for `stall_timeout`, or the program is to end. A failure and the
    /// lack of a thread end the wait too.
    pub(super) fn wait_until(
        &self,
        is_over: impl Fn(&Queue) -> bool,
        stall_timeout: Option<Duration>,
    ) -> bool {
        let mut turns = 0..MAX_TURNS;
        let mut queue = self.lock();
        while !is_over(&queue) && queue.failure.is_none() && queue.has_thread {
            let Some(deadline) = queue.deadline(stall_timeout) else {
                let waited = self.progressed.wait(queue);
                queue = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let mut timeout = deadline.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                let has_room = self.wait_for_descriptor(Some(Duration::ZERO));
                if turns.next().is_none() || !has_room.unwrap_or(false) {
                    return false;
                }
                timeout = TURN;
            }
            let waited = self.progressed.wait_timeout(queue, timeout);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The life of the thread.
    pub(super) fn write_forever(&self) {
        let mut missing = 0;
        loop {
            while self.write_batch(&mut missing) {}
            let is_empty = |queue: &mut Queue| queue.bytes.is_empty();
            drop(self.queued.wait_while(self.lock(), is_empty));
        }
    }

    /// Writes what is in the queue; false when nothing is. `missing` counts the lines that no gap line
    /// has reported yet.
    pub(super) fn write_batch(&self, missing: &mut u64) -> bool {
        let mut queue = self.lock();
        let bytes = std::mem::take(&mut queue.bytes);
        let dropped_behind = std::mem::take(&mut queue.dropped_behind);
        queue.is_writing = !bytes.is_empty();
        if !queue.is_writing {
            return false;
        }
        drop(queue);
        self.write_lines(&bytes, missing);
        *missing += dropped_behind;
        self.write_gap(missing);
        self.lock().is_writing = false;
        self.progressed.notify_all();
        true
    }

    fn write_lines(&self, mut bytes: &[u8], missing: &mut u64) {
        while !bytes.is_empty() {
            let (lines, rest) = bytes.split_at(whole_lines(bytes));
            bytes = rest;
            self.write_gap(missing);
            let Err(error) = self.write_all(lines) else {
                continue;
            };
            let mut queue = self.lock();
            if self.gap_line.is_none() {
                return queue.fail(error);
            }
            let dropped = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            queue.dropped += dropped;
            *missing += dropped;
        }
    }

    fn write_gap(&self, missing: &mut u64) {
        if let Some(gap_line) = self.gap_line
            && *missing > 0
            && self.write_all(gap_line(*missing).as_bytes()).is_ok()
        {
            *missing = 0;
        }
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        let descriptor = self.descriptor.ok_or(Errno::BADF)?;
        while !bytes.is_empty() {
            // Without the lock of std's handle, which a blocked write would keep from everything else.
            match rustix::io::write(descriptor, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    self.lock().last_progress = Instant::now();
                    self.progressed.notify_all();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => drop(self.wait_for_descriptor(None)?),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until a write does not block; false when the time is up.
    fn wait_for_descriptor(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let descriptor = self.descriptor.ok_or(Errno::BADF)?;
        let mut poll = PollSet::default();
        let index = poll.add(descriptor, false, true);
        poll.wait(timeout)?;
        Ok(poll.ready(index).to_write)
    }
}

/// The length of the lines that go in one write. A line that is too long goes in parts.
fn whole_lines(bytes: &[u8]) -> usize {
    let Some(part) = bytes.get(..MAX_WRITE) else {
        return bytes.len();
    };
    let end = part.iter().rposition(|byte| *byte == b'\n');
    end.map_or(MAX_WRITE, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read};
    use std::os::fd::AsFd;

    use super::*;

    /// A pipe that does not block, and the writer's side of it for the rest of the process.
    fn pipe() -> (PipeReader, BorrowedFd<'static>) {
        let (reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let writer: &'static io::PipeWriter = Box::leak(Box::new(writer));
        (reader, writer.as_fd())
    }

    fn queue(shared: &Shared, line: &[u8]) {
        shared.lock().bytes.extend_from_slice(line);
    }

    fn gap_line(dropped: u64) -> String {
        format!("dropped {dropped}\n")
    }

    #[test]
    fn lines_that_found_no_room_are_reported_between_those_queued_before_and_after() {
        let (mut reader, descriptor) = pipe();
        let shared = Shared::new(Some(descriptor), Some(gap_line));
        queue(&shared, b"before\n");
        shared.lock().drop_line();
        shared.lock().drop_line();
        let mut missing = 0;
        assert!(shared.write_batch(&mut missing) && !shared.write_batch(&mut missing));
        queue(&shared, b"after\n");
        assert!(shared.write_batch(&mut missing));
        let mut text = [0; 64];
        let length = reader.read(&mut text).unwrap();
        assert_eq!(&text[..length], b"before\ndropped 2\nafter\n");
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_and_reported_before_the_next() {
        let (reader, descriptor) = pipe();
        drop(reader);
        let shared = Shared::new(Some(descriptor), Some(gap_line));
        queue(&shared, b"lost\nlost\n");
        let mut missing = 0;
        assert!(shared.write_batch(&mut missing));
        assert_eq!((missing, shared.lock().dropped), (2, 2));
        let (mut reader, descriptor) = pipe();
        let shared = Shared::new(Some(descriptor), Some(gap_line));
        queue(&shared, b"next\n");
        assert!(shared.write_batch(&mut missing));
        let mut text = [0; 64];
        let length = reader.read(&mut text).unwrap();
        assert_eq!((&text[..length], missing), (&b"dropped 2\nnext\n"[..], 0));
    }

    #[test]
    fn nothing_is_written_after_a_failure_that_no_line_can_report() {
        let (reader, descriptor) = pipe();
        drop(reader);
        let shared = Shared::new(Some(descriptor), None);
        queue(&shared, b"lost\n");
        assert!(shared.write_batch(&mut 0));
        let failure = shared.lock().failure.take().unwrap();
        assert_eq!(failure.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_wait_for_a_descriptor_without_room_ends_after_the_stall_timeout() {
        let (_reader, descriptor) = pipe();
        while rustix::io::write(descriptor, &[b'\n'; 4096]).is_ok() {}
        let shared = Shared::new(Some(descriptor), None);
        shared.lock().has_thread = true;
        queue(&shared, b"stuck\n");
        let timeout = Some(Duration::from_millis(1));
        assert!(!shared.wait_until(Queue::is_written, timeout));
        shared.lock().is_ending = true;
        assert!(!shared.wait_until(Queue::is_written, None));
    }

    #[test]
    fn lines_are_not_cut_unless_they_are_too_long() {
        assert_eq!(whole_lines(b"a\nb"), 3);
        let mut long = vec![b'x'; MAX_WRITE - 1];
        long.extend(b"\nnext\n");
        assert_eq!(whole_lines(&long), MAX_WRITE);
        long.insert(0, b'x');
        assert_eq!(whole_lines(&long), MAX_WRITE);
        long[10] = b'\n';
        assert_eq!(whole_lines(&long), 11);
    }
}
