//! What a run reports while it lasts, and how to end it early.

use std::time::Duration;

use bullhorn_socket::endpoint::Endpoint;

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Measured requests sent.
    pub sent: u64,
    /// Right replies to them.
    pub ok: u64,
    /// Since the first request, including the warm-up.
    pub elapsed: Duration,
}

/// How the run continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Keep going.
    Continue,
    /// Send no more, and wait a moment for outstanding replies.
    Stop,
    /// End now; outstanding requests count as pending.
    Abort,
}

/// Watches a run, from the thread that started it.
pub trait Observer {
    /// The flows are connected to this address.
    fn using(&mut self, endpoint: &Endpoint) {
        let _ = endpoint;
    }

    /// Called about 20 times per second.
    fn tick(&mut self, progress: &Progress) -> Control;
}
