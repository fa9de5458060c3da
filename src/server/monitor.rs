//! What may be asked of a running server from any thread: its totals, and whether all is well.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::kernel_drops::KernelDrops;
use super::stats::{DatagramCounters, DatagramTotals, Stats, StreamCounters, Totals};
use crate::endpoint::Endpoint;

/// The counters of one endpoint.
#[derive(Debug)]
pub(super) enum Counters {
    /// Of each worker, and of each socket.
    Datagram(Vec<Arc<DatagramCounters>>, Vec<Arc<KernelDrops>>),
    Stream(Arc<StreamCounters>),
}

impl Counters {
    pub(super) fn read_all(counters: &[(Endpoint, Self)]) -> Stats {
        let read = |(endpoint, counters): &(Endpoint, Self)| (endpoint.clone(), counters.read());
        Stats {
            endpoints: counters.iter().map(read).collect(),
        }
    }

    fn read(&self) -> Totals {
        match self {
            Self::Datagram(workers, kernel_drops) => {
                let mut totals = DatagramTotals::default();
                for counters in workers {
                    totals += counters.read();
                }
                totals.kernel_dropped = kernel_drops.iter().map(|drops| drops.total()).sum();
                Totals::Datagram(totals)
            }
            Self::Stream(counters) => Totals::Stream(counters.read()),
        }
    }
}

/// The workers and listeners of a server that have come to their end.
#[derive(Debug, Default)]
pub(super) struct Workers {
    ended: Mutex<Vec<Endpoint>>,
}

impl Workers {
    /// What a worker of this endpoint is to hold as long as it works; a panic drops it as well.
    pub(super) fn one_more(self: &Arc<Self>, endpoint: &Endpoint) -> Alive {
        Alive(self.clone(), endpoint.clone())
    }

    /// The endpoints of those that have ended.
    pub(super) fn ended(&self) -> Vec<Endpoint> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Endpoint>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of one worker.
#[derive(Debug)]
pub(super) struct Alive(Arc<Workers>, Endpoint);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.lock().push(self.1.clone());
    }
}

/// What may be asked of a [`RunningServer`](super::RunningServer) from any thread, also while it
/// stops. It keeps no socket open.
#[derive(Clone, Debug)]
pub struct Monitor {
    counters: Weak<Vec<(Endpoint, Counters)>>,
    workers: Arc<Workers>,
    stopping: Arc<AtomicBool>,
}

impl Monitor {
    pub(super) fn new(
        counters: &Arc<Vec<(Endpoint, Counters)>>,
        workers: &Arc<Workers>,
        stopping: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            counters: Arc::downgrade(counters),
            workers: workers.clone(),
            stopping: stopping.clone(),
        }
    }

    /// The totals up to now; `None` when the server is gone.
    pub fn stats(&self) -> Option<Stats> {
        self.counters
            .upgrade()
            .map(|counters| Counters::read_all(&counters))
    }

    /// Whether it was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether no worker has ended before the server was told to stop.
    pub fn is_alive(&self) -> bool {
        // In this order: workers end after the server was told.
        let none_ended = self.workers.ended().is_empty();
        none_ended || self.is_stopping()
    }

    /// Whether every endpoint answers, and will go on to.
    pub fn is_ready(&self) -> bool {
        self.is_alive() && !self.is_stopping()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Server;

    #[test]
    fn a_monitor_outlives_its_server_and_keeps_no_socket_open() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0".parse().unwrap())
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
        Server::builder().endpoint(endpoint).start().unwrap();
    }

    #[test]
    fn a_worker_that_panics_is_missed() {
        let workers = Arc::new(Workers::default());
        let monitor = Monitor::new(&Arc::default(), &workers, &Arc::default());
        let life = workers.one_more(&Endpoint::default());
        assert!(monitor.is_alive());
        let thread = std::thread::spawn(move || {
            let _life = life;
            panic!("as a test");
        });
        assert!(thread.join().is_err());
        assert!(!monitor.is_alive() && !monitor.is_ready());
        monitor.stopping.store(true, Ordering::Release);
        assert!(monitor.is_alive());
    }
}
