//! Connections on their way from the event loop that accepts them to the one that serves them.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use mio::Waker;

use super::connection::Connection;

/// Where a loop other than the accepting one gets its connections.
#[derive(Clone)]
pub(super) struct Mailbox {
    pub(super) sender: Sender<Connection>,
    pub(super) waker: Arc<Waker>,
}

/// Gives each event loop a connection in turn. Its loops learn when it is dropped, as their
/// receivers are then disconnected.
pub(super) struct Distributor {
    /// `None` for the loop that accepts.
    loops: Vec<Option<Mailbox>>,
    next: usize,
}

impl Distributor {
    /// For the loop with the number `own`.
    pub(super) fn new(mailboxes: &[Mailbox], own: usize) -> Self {
        let others = mailboxes.iter().enumerate();
        Self {
            loops: others
                .map(|(index, mailbox)| (index != own).then(|| mailbox.clone()))
                .collect(),
            next: own,
        }
    }

    /// Returns the connection when it is the accepting loop's turn.
    pub(super) fn distribute(&mut self, connection: Connection) -> Option<Connection> {
        let mailbox = &self.loops[self.next];
        self.next = (self.next + 1) % self.loops.len();
        let Some(Mailbox { sender, waker }) = mailbox else {
            return Some(connection);
        };
        // A loop that has panicked drops it, and makes its endpoints unhealthy.
        let _ = sender.send(connection);
        let _ = waker.wake();
        None
    }
}

impl Drop for Distributor {
    fn drop(&mut self) {
        for Mailbox { sender, waker } in self.loops.drain(..).flatten() {
            drop(sender);
            let _ = waker.wake();
        }
    }
}
