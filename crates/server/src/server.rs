//! A running server.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::counters::Counters;
use super::draining::AbortHandle;
use super::guard::Guard;
use super::health::Stall;
use super::monitor::Monitor;
use super::peers::PeerTable;
use super::stats::Stats;
use super::threads::Threads;
use bullhorn_socket::Description;
use bullhorn_socket::UnixFile;
use bullhorn_socket::endpoint::Endpoint;

/// The service that answers every text in capitals, until [`stop`](Self::stop) or drop.
///
/// ```
/// use std::net::UdpSocket;
/// use bullhorn_server::Server;
///
/// let server = Server::builder().endpoint("udp://127.0.0.1:0").start()?;
/// let address = server.local_addr().expect("UDP has an address");
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to("straße".as_bytes(), address)?;
/// let mut answer = [0; 16];
/// let length = client.recv(&mut answer)?;
/// assert_eq!(&answer[..length], b"STRASSE");
/// let stats = server.stop();
/// assert_eq!((stats.received, stats.answered, stats.dropped), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    pub(super) sockets: Vec<Description>,
    pub(super) counters: Arc<Vec<(Endpoint, Counters)>>,
    pub(super) guard: Arc<Guard>,
    pub(super) peers: Option<PeerTable>,
    pub(super) stalls: Vec<(Endpoint, Stall)>,
    pub(super) threads: Threads,
    /// Removed with the server, after its sockets.
    pub(super) _files: Vec<UnixFile>,
}

impl Server {
    /// The endpoints that are not served properly: a worker or listener has failed, or datagrams
    /// waited at the last call and wait now, and none was received in between.
    ///
    /// Call it at intervals that are long compared with the time for a batch; the first call only
    /// takes a reading.
    pub fn unhealthy_endpoints(&self) -> Vec<Endpoint> {
        let mut unhealthy = self.threads.workers.failed();
        for (endpoint, stall) in &self.stalls {
            if stall.check() && !unhealthy.contains(endpoint) {
                unhealthy.push(endpoint.clone());
            }
        }
        unhealthy
    }

    /// The endpoints served, with the ports that the kernel chose, in the order given.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.sockets
            .iter()
            .map(|description| description.endpoint.clone())
            .collect()
    }

    /// The address of the first Internet endpoint, with the port that the kernel chose; `None` when
    /// every endpoint is a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.sockets
            .iter()
            .find_map(|description| description.endpoint.socket_addr())
    }

    /// The sockets served: endpoint, family, type and descriptor of each.
    pub fn sockets(&self) -> &[Description] {
        &self.sockets
    }

    /// The number of datagrams per second that are answered for one address, if there is a limit.
    pub fn rate_limit(&self) -> Option<NonZeroU32> {
        self.guard.rate_limit()
    }

    /// The totals so far.
    pub fn stats(&self) -> Stats {
        Counters::read_all(&self.counters)
    }

    /// The most recent peers, where [`ServerBuilder::max_peers`](super::ServerBuilder::max_peers) asked
    /// for them.
    pub fn peers(&self) -> Option<PeerTable> {
        self.peers.clone()
    }

    /// A handle for other threads to read the totals and the health of this server.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(
            &self.counters,
            &self.threads.workers,
            &self.threads.draining,
        )
    }

    /// Ends the drain of [`stop`](Self::stop) from another thread.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(&self.threads.draining)
    }

    /// Answers what was received, ends, and returns the totals. Waits at most
    /// [`DRAIN_TIMEOUT`](super::DRAIN_TIMEOUT) for what still arrives, and less for a peer that does
    /// not read.
    pub fn stop(mut self) -> Stats {
        self.threads.stop();
        self.stats()
    }
}

#[cfg(any(test, feature = "faults"))]
impl Server {
    /// Adds a worker to the first endpoint that panics, to test how a program handles that.
    ///
    /// # Errors
    /// The kernel's, when no thread can be started.
    pub fn add_worker_that_panics(&mut self) -> std::io::Result<()> {
        let guard = self.threads.workers.register(&self.endpoints()[0]);
        self.threads.start("datagrams", [guard], || {
            std::panic::resume_unwind(Box::new("a worker panics"));
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::Server;

    #[test]
    fn a_worker_that_has_ended_makes_its_endpoint_unhealthy() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0")
            .endpoint("tcp://127.0.0.1:0")
            .start();
        let mut server = server.unwrap();
        assert_eq!(server.unhealthy_endpoints(), []);
        let datagrams = server.endpoints()[0].clone();
        server.add_worker_that_panics().unwrap();
        let begin = Instant::now();
        while server.unhealthy_endpoints().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(60), "not noticed");
            std::thread::yield_now();
        }
        assert_eq!(server.unhealthy_endpoints(), [datagrams]);
    }
}
