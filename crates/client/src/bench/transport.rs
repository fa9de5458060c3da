//! How the texts of a worker travel: over datagrams or streams.

use std::io;

use bullhorn_socket::Socket;

use super::books::Books;
use super::clock::Clock;
use super::ledger::Ledger;

/// The sockets of a worker's flows, addressed by index, and the calls on them.
pub(super) trait Transport: Send {
    /// One for each flow.
    fn sockets(&self) -> &[Socket];

    /// Whether several texts travel in one buffer.
    fn has_offload(&self) -> bool;

    /// Whether the flow has more to write than the kernel takes.
    fn waits_for_room(&self, _index: usize) -> bool {
        false
    }

    /// Sends the next `amount` texts of a flow; returns how many are in flight now.
    fn send(
        &mut self,
        index: usize,
        ledger: &Ledger,
        amount: usize,
        books: &mut Books,
    ) -> io::Result<usize>;

    /// Receives on a flow once and settles what came.
    fn receive(
        &mut self,
        index: usize,
        ledger: &mut Ledger,
        books: &mut Books,
        clock: Clock,
    ) -> io::Result<Received>;
}

/// What a flow had to receive.
pub(super) enum Received {
    /// Replies, at this time on the run's clock.
    At(u64),
    /// The end of the connection.
    Closed,
}
