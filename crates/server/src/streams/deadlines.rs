//! How long the server waits for a connection.
//!
//! The clock is not read for each byte: a connection is checked four times in each deadline, and
//! closed when no byte has moved between the checks, so after 1 to 1.25 deadlines.

use std::time::Duration;

use crate::StreamLimits;
use crate::stats::ConnectionDropCause;

const CHECKS_PER_DEADLINE: u32 = 4;

/// The resolution of a wait for events.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// For the next byte out while the server drains, which is shorter for a peer that does not read
/// than for one that does.
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

    /// The same while the server drains.
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

    /// The cause for which to close a connection that has been quiet for `quiet`; `None` when it
    /// may stay.
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
