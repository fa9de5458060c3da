//! What the path reports on a socket.

use std::io;

use crate::endpoint::Family;
use crate::error_queue;
use crate::path_error::QueuedError;
use crate::socket::Socket;

impl Socket {
    /// Has the kernel keep what the path reports about what is sent on this socket, and return each
    /// report as the error of a later call (IP_RECVERR, IPV6_RECVERR). Nothing happens where there
    /// is no error queue.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_path_errors(&self, family: Family, is_enabled: bool) -> io::Result<()> {
        error_queue::enable(self, family, is_enabled)
    }

    /// Takes the oldest report of the path; `None` when there is none. Never waits. While reports
    /// are left, the next call on the socket fails with the error number of the oldest, and
    /// [`PollSet`](crate::PollSet) finds it ready.
    pub fn take_path_error(&self) -> Option<QueuedError> {
        error_queue::take(self)
    }

    /// Adds to the `error` of a call on this socket what the path reports about it, for
    /// [`PathError::of`](crate::PathError::of).
    pub fn explain(&self, error: io::Error) -> io::Error {
        match self.take_path_error() {
            Some(queued) => io::Error::new(error.kind(), queued.error),
            None => error,
        }
    }
}
