//! How long a connection may keep us waiting.
//!
//! No clock is read for a byte that comes or goes: a connection is checked four times in each
//! deadline, and closed when nothing has moved between the checks, so after one deadline to one and
//! a quarter.

use std::time::Duration;

use crate::StreamLimits;
use crate::stats::ConnectionDropCause;

const CHECKS_PER_DEADLINE: u32 = 4;

/// The resolution of a wait for events.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// For the next byte out while the server drains: a peer that does not read is not waited for as long
/// as one that does.
const DRAIN_WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// Without a deadline.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The deadlines of every connection of a server; `None` for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// For the next byte, in or out.
    idle: Option<Duration>,
    /// For the next byte out, while an answer waits.
    write: Option<Duration>,
}

impl Deadlines {
    pub(super) fn new(limits: &StreamLimits) -> Self {
        Self {
            idle: limits.idle_timeout,
            write: limits.write_timeout,
        }
    }

    /// The same for a server that drains.
    pub(super) fn while_draining(self) -> Self {
        let write = self.write.unwrap_or(DRAIN_WRITE_TIMEOUT);
        Self {
            write: Some(write.min(DRAIN_WRITE_TIMEOUT)),
            ..self
        }
    }

    /// From one check to the next.
    pub(super) fn interval(self, is_blocked: bool) -> Duration {
        let write = self.write.filter(|_| is_blocked);
        let first = [self.idle, write].into_iter().flatten().min();
        first.map_or(MAX_INTERVAL, |first| {
            (first / CHECKS_PER_DEADLINE).clamp(MIN_INTERVAL, MAX_INTERVAL)
        })
    }

    /// Why to close a connection in which nothing has moved for `quiet`; `None` when it may stay.
    pub(super) fn missed(self, is_blocked: bool, quiet: Duration) -> Option<ConnectionDropCause> {
        let is_over = |deadline: Option<Duration>| deadline.is_some_and(|most| quiet >= most);
        if is_blocked && is_over(self.write) {
            Some(ConnectionDropCause::WriteTimeout)
        } else if is_over(self.idle) {
            Some(ConnectionDropCause::IdleTimeout)
        } else {
            None
        }
    }
}
