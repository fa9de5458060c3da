//! Counts the datagrams that the kernel dropped because a socket's receive buffer was full.
//!
//! The kernel attaches its count (sk_drops) to every datagram (SO_RXQ_OVFL), which costs several
//! percent of the server's time, or returns it on request (SO_MEMINFO; socket(7), sock_diag(7)),
//! which costs nothing otherwise. We request it. On a kernel without SO_MEMINFO the count is 0.

use std::sync::{Arc, Mutex, Once, PoisonError};

use bullhorn_socket::Socket;

/// The kernel's count for one socket since the server took it over.
#[derive(Debug)]
pub(crate) struct KernelDrops {
    socket: Arc<Socket>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The kernel counts modulo 2^32.
    last: u32,
    total: u64,
}

impl KernelDrops {
    pub(crate) fn new(socket: Arc<Socket>) -> Self {
        static WARNED: Once = Once::new();
        let last = socket.dropped_datagrams().unwrap_or_else(|error| {
            let why = bullhorn_socket::error::plain(&error);
            WARNED.call_once(|| {
                tracing::warn!("the kernel does not report its drops, which count as 0: {why}");
            });
            0
        });
        Self {
            socket,
            seen: Mutex::new(Seen { last, total: 0 }),
        }
    }

    /// The drops so far. Must be called before 2^32 more can have happened.
    pub(crate) fn total(&self) -> u64 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(now) = self.socket.dropped_datagrams() {
            seen.total += u64::from(now.wrapping_sub(seen.last));
            seen.last = now;
        }
        seen.total
    }
}
