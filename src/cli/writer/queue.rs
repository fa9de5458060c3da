//! The queue of a writer, and how its thread gets on with it.

use std::io;
use std::time::{Duration, Instant};

/// With this many bytes in the queue, further output waits or is dropped: some thousands of lines.
const MAX_QUEUED: usize = 256 * 1024;

/// How long a wait goes on once the program is to end: every verb ends within a second of a signal.
const END_TIMEOUT: Duration = Duration::from_millis(300);

pub(super) struct Queue {
    pub(super) bytes: Vec<u8>,
    /// Log lines that are queued when the writer starts.
    pub(super) held_log: Option<Vec<u8>>,
    pub(super) may_start_thread: bool,
    pub(super) has_thread: bool,
    /// The thread has taken bytes that are not all written yet.
    pub(super) is_writing: bool,
    pub(super) last_progress: Instant,
    pub(super) is_ending: bool,
    /// The end of every wait, from the first one of a program that is to end.
    end: Option<Instant>,
    pub(super) dropped: u64,
    /// Dropped since the thread last took the bytes: the gap is behind those that are queued now.
    pub(super) dropped_behind: u64,
    pub(super) failure: Option<io::Error>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            held_log: None,
            may_start_thread: false,
            has_thread: false,
            is_writing: false,
            last_progress: Instant::now(),
            is_ending: false,
            end: None,
            dropped: 0,
            dropped_behind: 0,
            failure: None,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() < MAX_QUEUED
    }

    pub(super) fn is_written(&self) -> bool {
        self.bytes.is_empty() && !self.is_writing
    }

    /// Adds a line to the held log, or drops it when that is full.
    pub(super) fn hold(&mut self, line: &[u8]) {
        match &mut self.held_log {
            Some(held) if held.len() < MAX_QUEUED => held.extend_from_slice(line),
            _ => self.drop_line(),
        }
    }

    pub(super) fn drop_line(&mut self) {
        self.dropped += 1;
        self.dropped_behind += 1;
    }

    /// Nothing is queued any more.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.failure.get_or_insert(error);
        self.bytes = Vec::new();
    }

    /// When to give up a wait; `None` is never.
    pub(super) fn deadline(&mut self, stall_timeout: Option<Duration>) -> Option<Instant> {
        if self.is_ending {
            self.end.get_or_insert_with(|| Instant::now() + END_TIMEOUT);
        }
        let stalled = stall_timeout.map(|timeout| self.last_progress + timeout);
        [stalled, self.end].into_iter().flatten().min()
    }
}
