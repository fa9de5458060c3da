//! What a worker asks of a way for texts to travel, and the clock that both read. The ways are in
//! `datagram` and `stream`.

use std::io;
use std::time::Instant;

use socket2::Socket;

use super::ledger::{Books, Ledger};

/// Nanoseconds since the run began, and never 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    zero: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            zero: Instant::now(),
        }
    }

    pub(super) fn now_ns(self) -> u64 {
        self.zero.elapsed().as_nanos() as u64 + 1
    }
}

/// How texts travel: over the sockets of a worker's flows, which are named by their place.
pub(super) trait Transport: Send {
    /// The sockets, one for each flow.
    fn sockets(&self) -> &[Socket];

    /// Whether many texts travel as one buffer.
    fn has_offload(&self) -> bool;

    /// Whether the flow has more to write than the kernel takes.
    fn waits_for_room(&self, _place: usize) -> bool {
        false
    }

    /// Sends the next `amount` texts of a flow; returns how many are under way now.
    fn send(
        &mut self,
        place: usize,
        ledger: &Ledger,
        amount: usize,
        books: &mut Books,
    ) -> io::Result<usize>;

    /// Takes what has come on a flow and settles it.
    fn receive(
        &mut self,
        place: usize,
        ledger: &mut Ledger,
        books: &mut Books,
        clock: Clock,
    ) -> io::Result<Taken>;
}

/// What came of a look at a flow that had something.
pub(super) enum Taken {
    /// Answers, at this time.
    At(u64),
    /// The end of the connection.
    Closed,
}
