//! Waiting, until the sweep is to end.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use bullhorn_socket::{PollSet, Stop};

/// What ends a sweep before its result is known.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) deadline: Option<Instant>,
    pub(super) stop: &'a Stop,
}

impl End<'_> {
    pub(super) fn has_come(&self) -> bool {
        let is_past = |deadline: Instant| deadline <= Instant::now();
        self.stop.is_stopped() || self.deadline.is_some_and(is_past)
    }

    /// Waits for a descriptor, perhaps for room to write too, at most until `until`.
    pub(super) fn wait(
        &self,
        (descriptor, to_write): (BorrowedFd<'_>, bool),
        until: Instant,
    ) -> io::Result<()> {
        let until = self.deadline.map_or(until, |deadline| deadline.min(until));
        let mut poll = PollSet::default();
        poll.add(descriptor, true, to_write);
        poll.add_stop(self.stop);
        poll.wait(Some(until.saturating_duration_since(Instant::now())))
    }
}
