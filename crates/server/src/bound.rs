//! The sockets of a server between bind and start.

use super::guard::Guard;
use super::{DatagramOptions, StreamLimits};
use bullhorn_socket::BoundSocket;

/// A server whose sockets are bound and whose threads are not started yet.
#[derive(Debug)]
#[must_use = "dropping it closes its sockets"]
pub struct BoundServer {
    pub(super) sockets: Vec<BoundSocket>,
    pub(super) stream_threads: usize,
    pub(super) datagrams: DatagramOptions,
    pub(super) streams: StreamLimits,
    pub(super) guard: Guard,
}

impl BoundServer {
    /// The sockets, in the order given.
    pub fn sockets(&self) -> &[BoundSocket] {
        &self.sockets
    }
}
