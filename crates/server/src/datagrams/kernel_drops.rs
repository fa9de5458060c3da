//! What the kernel dropped before us, as a socket's receive buffer was full.
//!
//! The kernel's count (sk_drops) can be had beside every datagram (SO_RXQ_OVFL), which costs some
//! hundredths of the whole work, or be asked for (SO_MEMINFO; socket(7), sock_diag(7)), which costs
//! nothing until it is. It is asked. A kernel that does not say has none to tell.

use std::sync::{Arc, Mutex, Once, PoisonError};

use socket2::Socket;

use bullhorn_socket::sys;

/// The kernel's count for one socket, from when the server took it.
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
        static SAID: Once = Once::new();
        let last = sys::dropped_datagrams(&*socket).unwrap_or_else(|error| {
            let why = bullhorn_socket::error::plain(&error);
            SAID.call_once(|| {
                tracing::warn!("what the kernel drops is not known here and counts as 0: {why}");
            });
            0
        });
        Self {
            socket,
            seen: Mutex::new(Seen { last, total: 0 }),
        }
    }

    /// The drops up to now. To be called before 2^32 more could have happened.
    pub(crate) fn total(&self) -> u64 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(now) = sys::dropped_datagrams(&*self.socket) {
            seen.total += u64::from(now.wrapping_sub(seen.last));
            seen.last = now;
        }
        seen.total
    }
}
