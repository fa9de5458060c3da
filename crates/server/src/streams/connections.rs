//! The connections of one event loop: their events, turns and deadlines.
//!
//! What happens in a turn is in [`super::connection`], whose turn it is in [`super::ready_list`],
//! and how long the server waits for a connection in [`super::deadlines`].

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use slab::Slab;

use super::closed::Closed;
use super::connection::{Buffers, Connection, Progress};
use super::deadlines::Deadlines;
use super::kernel::READ_INTEREST;
use super::read_ahead::{ReadAhead, TOGETHER};
use super::ready_list::ReadyList;
use crate::stats::ConnectionDropCause;

/// The most turns in a row, after which listeners, events and deadlines have theirs.
const MAX_TURNS: usize = 256;

/// The connections of one event loop, all of them registered.
pub(super) struct Connections {
    registry: Registry,
    /// By the key that is their token.
    entries: Slab<Entry>,
    ready: ReadyList,
    /// When to check which connection for its deadlines.
    checks: BTreeSet<(Instant, usize)>,
    deadlines: Deadlines,
    is_draining: bool,
    buffers: Buffers,
    closed: Arc<Closed>,
}

/// A connection, and how it is watched.
struct Entry {
    connection: Connection,
    /// An answer waits for the peer.
    is_blocked: bool,
    next_check: Instant,
    /// From the last check to the next.
    interval: Duration,
    /// How long nothing had moved at the last check.
    quiet: Duration,
}

impl Connections {
    pub(super) fn new(registry: Registry, deadlines: Deadlines, closed: Arc<Closed>) -> Self {
        Self {
            registry,
            entries: Slab::new(),
            ready: ReadyList::default(),
            checks: BTreeSet::new(),
            deadlines,
            is_draining: false,
            buffers: Buffers::default(),
            closed,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a connection can proceed without an event.
    pub(super) fn are_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When [`check_deadlines`](Self::check_deadlines) has something to do.
    pub(super) fn next_check(&self) -> Option<Instant> {
        self.checks.first().map(|(at, _)| *at)
    }

    /// Registers a connection. The first event reports whether the peer has already sent something.
    pub(super) fn register(&mut self, connection: Connection) {
        let descriptor = connection.as_raw_fd();
        let interval = self.deadlines.interval(false);
        let next_check = Instant::now() + interval;
        let key = self.entries.insert(Entry {
            connection,
            is_blocked: false,
            next_check,
            interval,
            quiet: Duration::ZERO,
        });
        self.checks.insert((next_check, key));
        let mut source = SourceFd(&descriptor);
        let registered = self
            .registry
            .register(&mut source, Token(key), READ_INTEREST);
        if registered.is_err() {
            self.give_up(key, ConnectionDropCause::SocketFailed);
        } else if self.is_draining {
            self.ready.push(key);
        }
    }

    /// From now on, what the kernel has received is the last to be answered.
    pub(super) fn begin_drain(&mut self) {
        self.is_draining = true;
        self.deadlines = self.deadlines.while_draining();
        let now = Instant::now();
        let keys: Vec<usize> = self.entries.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.schedule_check(key, now);
            self.ready.push(key);
        }
    }

    /// Handles `event`: its connection can proceed.
    pub(super) fn note_event(&mut self, event: &Event) {
        let Token(key) = event.token();
        // It may have been closed since the kernel reported this.
        if let Some(entry) = self.entries.get_mut(key) {
            if event.is_read_closed() || event.is_priority() || event.is_error() {
                entry.connection.read_until_empty();
            }
            self.ready.push(key);
        }
    }

    /// One turn for each connection that is ready now. Several are read from before the first of
    /// them continues.
    pub(super) fn take_turns(&mut self, ahead: &mut ReadAhead) {
        let mut turns = self.ready.len().min(MAX_TURNS);
        while turns > 0 {
            let together = turns.min(TOGETHER);
            turns -= together;
            for key in (0..together).map_while(|_| self.ready.pop()) {
                if let Some(entry) = self.entries.get_mut(key) {
                    ahead.read(key, &mut entry.connection, self.is_draining);
                }
            }
            for (key, read) in ahead.take() {
                self.take_turn(key, read);
            }
        }
    }

    fn take_turn(&mut self, key: usize, ahead: Option<io::Result<&mut [u8]>>) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let connection = &mut entry.connection;
        let is_blocked = match connection.proceed(&mut self.buffers, ahead, self.is_draining) {
            Progress::Closed => return self.remove(key),
            Progress::WaitsToWrite => true,
            Progress::WaitsToRead => false,
            Progress::Ready => {
                self.ready.push(key);
                false
            }
        };
        if entry.is_blocked == is_blocked {
            return;
        }
        entry.is_blocked = is_blocked;
        let interest = match is_blocked {
            false => READ_INTEREST,
            true => Interest::WRITABLE,
        };
        let descriptor = entry.connection.as_raw_fd();
        // The kernel reports the current state at once.
        let mut source = SourceFd(&descriptor);
        let changed = self.registry.reregister(&mut source, Token(key), interest);
        if changed.is_err() {
            self.give_up(key, ConnectionDropCause::SocketFailed);
        } else if is_blocked {
            entry.connection.begin_to_wait();
            self.schedule_check(key, Instant::now());
        }
    }

    /// Closes the connections that have been quiet for too long.
    pub(super) fn check_deadlines(&mut self, now: Instant) {
        while let Some((at, key)) = self.checks.first().copied()
            && at <= now
        {
            let entry = &mut self.entries[key];
            entry.quiet = match entry.connection.has_moved() {
                true => Duration::ZERO,
                false => entry.quiet + entry.interval,
            };
            match self.deadlines.missed(entry.is_blocked, entry.quiet) {
                Some(_) if self.is_draining => {
                    self.give_up(key, ConnectionDropCause::DrainTimeout);
                }
                Some(cause) => self.give_up(key, cause),
                None => self.schedule_check(key, now),
            }
        }
    }

    fn schedule_check(&mut self, key: usize, now: Instant) {
        let entry = &mut self.entries[key];
        self.checks.remove(&(entry.next_check, key));
        entry.interval = self.deadlines.interval(entry.is_blocked);
        entry.next_check = now + entry.interval;
        self.checks.insert((entry.next_check, key));
    }

    fn give_up(&mut self, key: usize, cause: ConnectionDropCause) {
        self.entries[key].connection.give_up(cause);
        self.remove(key);
    }

    fn remove(&mut self, key: usize) {
        let entry = self.entries.remove(key);
        self.ready.remove(key);
        self.checks.remove(&(entry.next_check, key));
        // Closing alone would leave it registered for as long as a child process has a copy.
        let descriptor = entry.connection.as_raw_fd();
        let _ = self.registry.deregister(&mut SourceFd(&descriptor));
        drop(entry);
        self.closed.notify();
    }
}

#[cfg(test)]
mod tests;
