//! Detects a datagram socket whose workers no longer receive.
//!
//! A worker that sleeps while its queue is empty is healthy; one that receives nothing while
//! datagrams wait is not. Workers count what they receive; a check compares with the check before.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bullhorn_socket::Socket;

use crate::stats::DatagramCounters;
use bullhorn_socket::PollSet;

/// Stall detection for one datagram socket and all workers that receive from it.
#[derive(Debug)]
pub(crate) struct Stall {
    socket: Arc<Socket>,
    workers: Vec<Arc<DatagramCounters>>,
    last: Mutex<Observation>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Observation {
    received: u64,
    is_readable: bool,
}

impl Stall {
    pub(crate) fn new(socket: Arc<Socket>, workers: Vec<Arc<DatagramCounters>>) -> Self {
        Self {
            socket,
            workers,
            last: Mutex::default(),
        }
    }

    /// Whether datagrams waited at the last check and wait now, and none was received in between.
    pub(crate) fn check(&self) -> bool {
        let now = Observation {
            received: self.workers.iter().map(|worker| worker.received()).sum(),
            is_readable: self.is_readable(),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *last, now);
        before.is_readable && now.is_readable && before.received == now.received
    }

    fn is_readable(&self) -> bool {
        let mut poll = PollSet::default();
        let index = poll.add(self.socket.as_fd(), true, false);
        poll.wait(Some(Duration::ZERO)).is_ok() && poll.ready(index).to_read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Tally;
    use std::net::UdpSocket;

    #[test]
    fn only_a_socket_that_is_not_read_is_stalled() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Socket::from(socket.try_clone().unwrap()));
        let mut tally = Tally::new(false);
        let stall = Stall::new(shared, vec![tally.counters()]);
        assert!(!stall.check() && !stall.check());
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"a", address).unwrap();
        // A worker may be about to receive it.
        assert!(!stall.check());
        assert!(stall.check());
        tally.count_batch(1, 1);
        assert!(!stall.check());
        assert!(stall.check());
        socket.recv(&mut [0; 8]).unwrap();
        assert!(!stall.check() && !stall.check());
    }
}
