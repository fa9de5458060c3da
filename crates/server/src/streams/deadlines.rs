//! How long a connection may keep us waiting.
//!
//! No clock is read for a byte that comes or goes: a connection is looked at four times in each
//! deadline, and closed when nothing has moved between the looks, so between one deadline and one
//! and a quarter.

use std::time::Duration;

use crate::StreamLimits;
use crate::stats::ConnectionDropCause;

const LOOKS: u32 = 4;

/// The timer's own resolution; a shorter interval would be none.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// For the next byte out while the server drains: a peer that does not read is not waited for as long
/// as one that does.
const DRAIN_WRITE_TIMEOUT: Duration = Duration::from_millis(500);

/// When there is no deadline to look for.
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The deadlines of every connection of a server; `None` is never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// For the next byte, in or out.
    idle: Option<Duration>,
    /// For the next byte out, while an answer waits.
    write: Option<Duration>,
}

impl Deadlines {
    pub(crate) fn new(limits: &StreamLimits) -> Self {
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

    /// From one look to the next.
    pub(super) fn interval(self, is_blocked: bool) -> Duration {
        let write = self.write.filter(|_| is_blocked);
        let first = [self.idle, write].into_iter().flatten().min();
        first.map_or(LONGEST_INTERVAL, |first| {
            (first / LOOKS).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
        })
    }

    /// Why a connection is to be closed in which nothing has moved for `quiet`.
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
