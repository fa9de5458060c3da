//! A handle on a running server for any thread: its totals and its health.

use std::sync::{Arc, Weak};

use super::counters::Counters;
use super::draining::Draining;
use super::health::Workers;
use super::stats::Stats;
use bullhorn_socket::endpoint::Endpoint;

/// Observes a [`Server`](super::Server) from any thread, even while it stops. It keeps no socket
/// open.
#[derive(Clone, Debug)]
pub struct Monitor {
    counters: Weak<Vec<(Endpoint, Counters)>>,
    workers: Arc<Workers>,
    draining: Arc<Draining>,
}

impl Monitor {
    pub(super) fn new(
        counters: &Arc<Vec<(Endpoint, Counters)>>,
        workers: &Arc<Workers>,
        draining: &Arc<Draining>,
    ) -> Self {
        Self {
            counters: Arc::downgrade(counters),
            workers: workers.clone(),
            draining: draining.clone(),
        }
    }

    /// The totals so far; `None` once the server is gone.
    pub fn stats(&self) -> Option<Stats> {
        self.counters
            .upgrade()
            .map(|counters| Counters::read_all(&counters))
    }

    /// Whether the server is stopping or has stopped.
    pub fn is_stopping(&self) -> bool {
        self.draining.has_begun()
    }

    /// Whether no worker has panicked or ended before the server was stopped.
    pub fn is_alive(&self) -> bool {
        self.failed().is_empty()
    }

    /// The endpoints of the workers that panicked, ended before the server was stopped, or did not
    /// end in time.
    pub fn failed(&self) -> Vec<Endpoint> {
        self.workers.failed()
    }

    /// Calls `callback` once, as soon as a worker has [failed](Self::failed); at once if one has. It
    /// runs on the thread of that worker, while the worker panics, and so must not panic itself.
    pub fn on_failure(&self, callback: impl FnOnce() + Send + 'static) {
        self.workers.on_failure(callback);
    }

    /// Whether every endpoint answers and the server is not stopping.
    pub fn is_ready(&self) -> bool {
        self.is_alive() && !self.is_stopping()
    }
}

#[cfg(test)]
mod tests {
    use crate::Server;

    #[test]
    fn a_monitor_outlives_its_server_and_keeps_no_socket_open() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0")
            .start()
            .unwrap();
        let endpoint = server.endpoints()[0].clone();
        let monitor = server.monitor();
        assert_eq!(monitor.stats().unwrap(), server.stats());
        assert!(monitor.is_alive() && monitor.is_ready() && !monitor.is_stopping());
        server.stop();
        assert!(monitor.is_alive() && !monitor.is_ready() && monitor.is_stopping());
        assert_eq!(monitor.stats(), None);
        // Free again.
        drop(Server::builder().endpoint(endpoint).start().unwrap());
    }

    #[test]
    fn a_worker_that_panics_makes_the_server_neither_alive_nor_ready() {
        let server = Server::builder().endpoint("udp://127.0.0.1:0");
        let mut server = server.start().unwrap();
        let monitor = server.monitor();
        server.add_worker_that_panics().unwrap();
        while monitor.is_alive() {
            std::thread::yield_now();
        }
        assert!(!monitor.is_ready());
        server.stop();
        assert!(!monitor.is_alive());
    }
}
