//! Output on its way to a descriptor: a bounded queue, and one thread that writes it in order.
//!
//! A full pipe, a stopped terminal and a non-blocking descriptor hold up that thread alone; a caller
//! waits only as long as it wants to. A blocked thread is abandoned at the end of the process.
//!
//! `queue` is what waits to be written, `shared` what the callers and the thread have in common.

mod queue;
mod shared;

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use queue::Queue;
use shared::Shared;

pub(super) use shared::GapLine;

/// Composes output. Nothing fails to be written to memory.
pub(super) trait Compose: FnOnce(&mut dyn Write) -> io::Result<()> {}
impl<F: FnOnce(&mut dyn Write) -> io::Result<()>> Compose for F {}

/// A handle on the queue and its thread. Clones share one of each.
#[derive(Clone)]
pub(super) struct Writer(Arc<Shared>);

impl Writer {
    /// Nothing is written before [`start`](Self::start) or [`flush`](Self::flush). A descriptor that was
    /// closed at the start of the process is `None`.
    pub(super) fn new(descriptor: Option<BorrowedFd<'static>>, gap_line: Option<GapLine>) -> Self {
        Self(Arc::new(Shared::new(descriptor, gap_line)))
    }

    /// Writes what is queued, then the held log, on a thread that is started with the first output.
    pub(super) fn start(&self) {
        let mut queue = self.0.lock();
        queue.may_start_thread = true;
        let held = queue.held_log.take().unwrap_or_default();
        self.append(queue, |to| to.write_all(&held));
    }

    /// Sets log lines aside until [`start`](Self::start): the verb's own lines come first.
    pub(super) fn hold_log(&self) {
        self.0.lock().held_log.get_or_insert_default();
    }

    /// Queues a line of the log, or drops it when the queue is full. Never waits.
    pub(super) fn log(&self, line: &[u8]) {
        let mut queue = self.0.lock();
        match queue.held_log.is_some() {
            true => queue.hold(line),
            false => self.append_if_room(queue, |to| to.write_all(line)),
        }
    }

    /// Queues output even when the queue is full. Never waits.
    pub(super) fn push(&self, compose: impl Compose) {
        self.append(self.0.lock(), compose);
    }

    /// Queues a line, or drops it when the queue is full. Never waits.
    pub(super) fn try_push(&self, compose: impl Compose) {
        self.append_if_room(self.0.lock(), compose);
    }

    /// Queues what the next drawing replaces, if nothing else is queued. Never waits.
    pub(super) fn draw(&self, compose: impl Compose) {
        let queue = self.0.lock();
        if queue.is_written() {
            self.append(queue, compose);
        }
    }

    /// How many lines were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Waits for room in the queue; false when nothing was written for `stall_timeout`.
    pub(super) fn wait_for_room(&self, stall_timeout: Option<Duration>) -> bool {
        self.0.wait_until(Queue::has_room, stall_timeout)
    }

    /// Waits until everything is written; false as for [`wait_for_room`](Self::wait_for_room).
    pub(super) fn settle(&self, stall_timeout: Option<Duration>) -> bool {
        self.0.wait_until(Queue::is_written, stall_timeout)
    }

    /// As [`settle`](Self::settle), but gives the reader the whole time, however long it has not read,
    /// and writes on this thread where no other can be started.
    pub(super) fn flush(&self, stall_timeout: Option<Duration>) -> bool {
        self.start();
        let mut queue = self.0.lock();
        queue.last_progress = Instant::now();
        let has_thread = queue.has_thread;
        drop(queue);
        if !has_thread {
            while self.0.write_batch(&mut 0) {}
        }
        self.settle(stall_timeout)
    }

    /// Limits every wait from now on, as the program is to end.
    pub(super) fn end_soon(&self) {
        self.0.lock().is_ending = true;
        self.0.progressed.notify_all();
    }

    /// Queues nothing more, as after a failed write.
    pub(super) fn fail(&self, error: io::Error) {
        self.0.lock().fail(error);
    }

    /// The first failure, once.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.0.lock().failure.take()
    }

    fn append_if_room(&self, mut queue: MutexGuard<'_, Queue>, compose: impl Compose) {
        match queue.has_room() {
            true => self.append(queue, compose),
            false => queue.drop_line(),
        }
    }

    fn append(&self, mut queue: MutexGuard<'_, Queue>, compose: impl Compose) {
        if queue.failure.is_some() {
            return;
        }
        let was_written = queue.is_written();
        if let Err(error) = compose(&mut queue.bytes) {
            queue.fail(error);
        }
        if was_written {
            queue.last_progress = Instant::now();
            self.0.queued.notify_one();
        }
        if queue.may_start_thread && !queue.has_thread && !queue.bytes.is_empty() {
            let shared = self.0.clone();
            let thread = std::thread::Builder::new().name("output".to_owned());
            // If it cannot be started, the next output tries again.
            queue.has_thread = thread.spawn(move || shared.write_forever()).is_ok();
        }
    }
}
