//! Whether the workers of a socket still take from it what comes.
//!
//! A worker that sleeps because nothing comes is well; one that takes nothing though something
//! waits is not. The workers count what they receive, and whoever looks compares with the last look.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::Socket;

use super::stats::DatagramCounters;
use bullhorn_socket::sys::PollSet;

/// The pulse of one datagram socket, shared by all workers that receive from it.
#[derive(Debug)]
pub(super) struct Pulse {
    socket: Arc<Socket>,
    workers: Vec<Arc<DatagramCounters>>,
    last: Mutex<Look>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    received: u64,
    something_waits: bool,
}

impl Pulse {
    pub(super) fn new(socket: Arc<Socket>, workers: Vec<Arc<DatagramCounters>>) -> Self {
        Self {
            socket,
            workers,
            last: Mutex::default(),
        }
    }

    /// False when something waited at the last look and now, and nothing was received between.
    pub(super) fn is_well(&self) -> bool {
        let now = Look {
            received: self.workers.iter().map(|worker| worker.received()).sum(),
            something_waits: self.something_waits(),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *last, now);
        !(before.something_waits && now.something_waits && before.received == now.received)
    }

    fn something_waits(&self) -> bool {
        let mut poll = PollSet::default();
        let place = poll.add(self.socket.as_fd(), true, false);
        poll.wait(Some(Duration::ZERO)).is_ok() && poll.ready(place).to_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Tally;
    use std::net::UdpSocket;

    #[test]
    fn only_a_socket_that_nobody_empties_is_not_well() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Socket::from(socket.try_clone().unwrap()));
        let mut tally = Tally::new(false);
        let pulse = Pulse::new(shared, vec![tally.counters()]);
        assert!(pulse.is_well() && pulse.is_well());
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"a", address).unwrap();
        // It may be about to be received.
        assert!(pulse.is_well());
        assert!(!pulse.is_well());
        tally.count_batch(1, 1);
        assert!(pulse.is_well());
        assert!(!pulse.is_well());
        socket.recv(&mut [0; 8]).unwrap();
        assert!(pulse.is_well() && pulse.is_well());
    }
}
