//! The backend for many datagrams a call, where there is no such call: the plain one.

use std::io;
use std::sync::Arc;

use crate::socket::Socket;

use super::batch::{DatagramBackend, Inbox, Outbox};
use super::plain::PlainBackend;

/// Receives and answers datagrams one at a time, as only Linux takes and gives many at once.
pub struct BatchedBackend(PlainBackend);

impl BatchedBackend {
    /// A backend on a bound datagram socket.
    pub fn new(socket: Arc<Socket>, _capacity: usize) -> Self {
        Self(PlainBackend::new(socket))
    }
}

impl DatagramBackend for BatchedBackend {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        self.0.receive(inbox, blocking)
    }

    fn send(&mut self, inbox: &Inbox, outbox: &mut Outbox) {
        self.0.send(inbox, outbox);
    }
}
