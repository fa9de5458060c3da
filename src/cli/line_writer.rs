//! Lines on their way to a descriptor: a bounded queue, and one thread that writes them in order.
//!
//! No caller waits for a reader that does not read. A line that cannot be written is
//! dropped and counted, and a blocked thread is abandoned at the end of the process.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bullhorn_socket::PollSet;

/// The most lines that wait to be written.
pub(super) const CAPACITY: usize = 1024;

/// A writer that has written nothing for this long is blocked: its reader does not read.
const STALL_TIMEOUT: Duration = Duration::from_millis(250);

/// The longest wait for the last lines at the end of the process, though some are still read.
const FINISH_TIMEOUT: Duration = Duration::from_millis(500);

/// Where lines are written.
pub(super) trait Target: Send + Sync + 'static {
    /// One write, as of write(2).
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until a target that does not block takes more.
    fn wait(&self) -> io::Result<()>;
}

impl<T: AsFd + Send + Sync + 'static> Target for T {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        // Without the lock of std's handle, which a blocked write would keep from everybody else.
        Ok(rustix::io::write(self, bytes)?)
    }

    fn wait(&self) -> io::Result<()> {
        let mut poll = PollSet::default();
        poll.add(self.as_fd(), false, true);
        poll.wait(None)
    }
}

/// The line that stands for dropped lines.
pub(super) type GapLine = fn(dropped: u64) -> String;

pub(super) struct LineWriter<T>(Arc<Shared<T>>);

struct Shared<T> {
    target: T,
    gap_line: Option<GapLine>,
    state: Mutex<State>,
    /// A line was queued.
    queued: Condvar,
    /// A line was written, or dropped as it could not be.
    progressed: Condvar,
}

struct State {
    queue: VecDeque<Entry>,
    /// Log lines that wait for [`LineWriter::release_log`].
    held_log: Option<VecDeque<Entry>>,
    /// Log lines are dropped until the queue is half empty again.
    is_overflowing: bool,
    may_start_thread: bool,
    has_thread: bool,
    is_writing: bool,
    last_progress: Instant,
    dropped: u64,
    /// Dropped, and not yet said to be.
    unreported: u64,
    /// The first failure of a write.
    error: Option<io::Error>,
}

enum Entry {
    Line(Vec<u8>),
    /// Stands for this many dropped lines.
    Gap(u64),
}

impl<T: Target> LineWriter<T> {
    /// No thread is started before [`start`](Self::start) or [`finish`](Self::finish).
    pub(super) fn new(target: T, gap_line: Option<GapLine>) -> Self {
        Self(Arc::new(Shared {
            target,
            gap_line,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                held_log: None,
                is_overflowing: false,
                may_start_thread: false,
                has_thread: false,
                is_writing: false,
                last_progress: Instant::now(),
                dropped: 0,
                unreported: 0,
                error: None,
            }),
            queued: Condvar::new(),
            progressed: Condvar::new(),
        }))
    }

    /// Writes from now on, on a thread that is started with the next line.
    pub(super) fn start(&self) {
        let mut state = self.0.lock();
        state.may_start_thread = true;
        self.write_queued(&mut state);
    }

    /// Queues a line of the log, or drops it when the queue is full. Never waits.
    pub(super) fn log(&self, line: Vec<u8>) {
        let mut state = self.0.lock();
        let is_full = state.is_full();
        match &mut state.held_log {
            Some(held) if held.len() < CAPACITY => held.push_back(Entry::Line(line)),
            None if !is_full => self.queue(&mut state, line),
            _ => state.drop_lines(1),
        }
    }

    /// Queues a line of the verb itself. Waits while the queue is full, but not for a blocked writer.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.0.lock();
        while state.queue.len() >= CAPACITY && state.has_thread {
            let Some(timeout) = state.until_stalled() else {
                break;
            };
            state = self.0.wait_for_progress(state, timeout);
        }
        match state.queue.len() < CAPACITY {
            true => self.queue(&mut state, line),
            false => state.drop_lines(1),
        }
    }

    /// Queues what the next drawing replaces, if nothing else is queued. Never waits.
    pub(super) fn draw(&self, text: Vec<u8>) {
        let mut state = self.0.lock();
        if !state.is_busy() {
            self.queue(&mut state, text);
        }
    }

    /// Sets log lines aside until [`release_log`](Self::release_log): lines of the verb come first.
    pub(super) fn hold_log(&self) {
        self.0.lock().held_log = Some(VecDeque::new());
    }

    pub(super) fn release_log(&self) {
        let mut state = self.0.lock();
        state.queue_held();
        self.write_queued(&mut state);
    }

    /// How many lines were dropped up to now.
    pub(super) fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Waits until what is queued is written, but not for a blocked writer.
    pub(super) fn settle(&self) {
        let mut state = self.0.lock();
        while state.is_busy() && state.has_thread {
            let Some(timeout) = state.until_stalled() else {
                break;
            };
            state = self.0.wait_for_progress(state, timeout);
        }
    }

    /// Waits until all lines are written, but not for a blocked writer.
    ///
    /// # Errors
    /// The first failure of a write, or `TimedOut` when lines were dropped as nobody reads them.
    pub(super) fn finish(&self) -> io::Result<()> {
        let end = Instant::now() + FINISH_TIMEOUT;
        let mut state = self.0.lock();
        state.queue_held();
        state.may_start_thread = true;
        state.queue_gap(self.0.gap_line.is_some());
        self.write_queued(&mut state);
        if !state.has_thread {
            // The system has no thread for us; the last line may be the one that says so.
            drop(state);
            while self.0.write_next() {}
            state = self.0.lock();
        }
        while state.is_busy() {
            let left = end.checked_duration_since(Instant::now());
            let Some(timeout) = state.until_stalled().min(left) else {
                break;
            };
            state = self.0.wait_for_progress(state, timeout);
        }
        match state.error.take() {
            Some(error) => Err(error),
            None if state.is_busy() || state.dropped > 0 => Err(unread()),
            None => Ok(()),
        }
    }

    fn queue(&self, state: &mut State, line: Vec<u8>) {
        if !state.is_busy() {
            state.last_progress = Instant::now();
        }
        state.queue_gap(self.0.gap_line.is_some());
        state.queue.push_back(Entry::Line(line));
        self.write_queued(state);
    }

    /// Wakes the thread, or starts it.
    fn write_queued(&self, state: &mut State) {
        if state.has_thread {
            self.0.queued.notify_one();
        } else if state.may_start_thread && !state.queue.is_empty() {
            let shared = self.0.clone();
            let thread = std::thread::Builder::new().name("output".to_owned());
            // Without one now, the next line tries again.
            state.has_thread = thread.spawn(move || shared.write_forever()).is_ok();
        }
    }
}

impl<T: Target> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_progress<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.progressed.wait_timeout(state, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn write_forever(&self) {
        let _writing = Writing(self);
        loop {
            while self.write_next() {}
            let state = self.lock();
            let waited = self
                .queued
                .wait_while(state, |state| state.queue.is_empty());
            drop(waited);
        }
    }

    /// Writes one line; `false` when there is none.
    fn write_next(&self) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.queue.pop_front() else {
            return false;
        };
        state.is_writing = true;
        drop(state);
        let result = match (&entry, self.gap_line) {
            (Entry::Line(line), _) => self.write_all(line),
            (Entry::Gap(lines), Some(gap_line)) => self.write_all(gap_line(*lines).as_bytes()),
            (Entry::Gap(_), None) => Ok(()),
        };
        let mut state = self.lock();
        state.is_writing = false;
        state.last_progress = Instant::now();
        state.is_overflowing &= state.queue.len() > CAPACITY / 2;
        if let Err(error) = result {
            match entry {
                Entry::Line(_) => state.drop_lines(1),
                Entry::Gap(lines) => state.unreported += lines,
            }
            state.error.get_or_insert(error);
        }
        self.progressed.notify_all();
        true
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.target.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.target.wait()?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn unread() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "nobody reads it")
}

/// The thread's life: one that panics gives way to the next.
struct Writing<'a, T: Target>(&'a Shared<T>);

impl<T: Target> Drop for Writing<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.has_thread = false;
        if std::mem::take(&mut state.is_writing) {
            state.drop_lines(1);
        }
        self.0.progressed.notify_all();
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.is_writing || !self.queue.is_empty()
    }

    /// For lines of the log.
    fn is_full(&mut self) -> bool {
        self.is_overflowing |= self.queue.len() >= CAPACITY;
        self.is_overflowing
    }

    fn drop_lines(&mut self, lines: u64) {
        self.dropped += lines;
        self.unreported += lines;
    }

    /// How long to wait for the writer yet; `None` when it is blocked.
    fn until_stalled(&self) -> Option<Duration> {
        (self.last_progress + STALL_TIMEOUT).checked_duration_since(Instant::now())
    }

    fn queue_gap(&mut self, may_be_said: bool) {
        if may_be_said && self.unreported > 0 {
            let lines = std::mem::take(&mut self.unreported);
            self.queue.push_back(Entry::Gap(lines));
        }
    }

    fn queue_held(&mut self) {
        let held = self.held_log.take();
        if !self.is_busy() {
            self.last_progress = Instant::now();
        }
        self.queue.extend(held.into_iter().flatten());
    }
}
