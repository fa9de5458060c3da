//! What may be asked of a running server from any thread: its totals, and whether all is well.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::kernel_drops::KernelDrops;
use super::stats::{DatagramCounters, DatagramTotals, Stats, StreamCounters, Totals};
use bullhorn_socket::endpoint::Endpoint;

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
        Stats::new(counters.iter().map(read).collect())
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

/// The workers and listeners of a server: which run, and which have failed.
#[derive(Debug, Default)]
pub(super) struct Workers {
    state: Mutex<WorkersState>,
    ended: Condvar,
    stopping: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct WorkersState {
    running: Vec<Endpoint>,
    /// Each endpoint once.
    failed: Vec<Endpoint>,
    /// The tasks that wait for a failure.
    waiting: Vec<Waker>,
}

impl WorkersState {
    fn add_failed(&mut self, endpoint: &Endpoint) {
        if !self.failed.contains(endpoint) {
            self.failed.push(endpoint.clone());
        }
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

impl Workers {
    pub(super) fn new(stopping: &Arc<AtomicBool>) -> Self {
        Self {
            stopping: stopping.clone(),
            ..Self::default()
        }
    }

    /// What a worker of this endpoint is to hold as long as it works; a panic drops it as well.
    pub(super) fn register(self: &Arc<Self>, endpoint: &Endpoint) -> WorkerGuard {
        self.lock().running.push(endpoint.clone());
        WorkerGuard(self.clone(), endpoint.clone())
    }

    /// The endpoints of those that panicked, ended before the server was told to stop, or did not
    /// end.
    pub(super) fn failed(&self) -> Vec<Endpoint> {
        self.lock().failed.clone()
    }

    /// Waits until all have ended; `false` when some have not in this time, and so have failed.
    pub(super) fn wait_until_ended(&self, timeout: Duration) -> bool {
        let ended = self
            .ended
            .wait_timeout_while(self.lock(), timeout, |state| !state.running.is_empty());
        let (mut state, _) = ended.unwrap_or_else(PoisonError::into_inner);
        for endpoint in state.running.clone() {
            state.add_failed(&endpoint);
        }
        state.running.is_empty()
    }

    /// Waits until a worker has failed.
    async fn failure(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if !state.failed.is_empty() {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|it| it.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, WorkersState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of one worker.
#[derive(Debug)]
pub(super) struct WorkerGuard(Arc<Workers>, Endpoint);

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        let Self(workers, endpoint) = self;
        let mut state = workers.lock();
        let index = state.running.iter().position(|running| running == endpoint);
        if let Some(index) = index {
            state.running.swap_remove(index);
        }
        // The server is told to stop before its workers are.
        if !workers.stopping.load(Ordering::Acquire) || std::thread::panicking() {
            state.add_failed(endpoint);
        }
        workers.ended.notify_all();
    }
}

/// What may be asked of a [`Server`](super::Server) from any thread, also while it
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

    /// Whether no worker has panicked or ended before the server was told to stop.
    pub fn is_alive(&self) -> bool {
        self.failed().is_empty()
    }

    /// The endpoints of the workers that have panicked or ended before the server was told to stop,
    /// or that have not ended in time. They are not answered on as they should be.
    pub fn failed(&self) -> Vec<Endpoint> {
        self.workers.failed()
    }

    /// Waits until a worker has failed.
    pub async fn failure(&self) {
        self.workers.failure().await;
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

    fn panic_as(guard: WorkerGuard) {
        let thread = std::thread::spawn(move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("as a test"));
        });
        assert!(thread.join().is_err());
    }

    #[test]
    fn a_worker_that_panics_is_missed_also_while_the_server_stops() {
        for stops in [false, true] {
            let stopping = Arc::new(AtomicBool::new(stops));
            let workers = Arc::new(Workers::new(&stopping));
            let monitor = Monitor::new(&Arc::default(), &workers, &stopping);
            let guard = workers.register(&Endpoint::default());
            assert!(monitor.is_alive());
            panic_as(guard);
            assert!(!monitor.is_alive() && !monitor.is_ready());
            stopping.store(true, Ordering::Release);
            assert!(!monitor.is_alive());
        }
    }

    #[test]
    fn an_endpoint_whose_event_loops_end_is_listed_once() {
        let workers = Arc::new(Workers::default());
        let endpoints = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"].map(|it| it.parse().unwrap());
        let event_loops = [(); 2].map(|()| endpoints.each_ref().map(|it| workers.register(it)));
        drop(event_loops);
        assert_eq!(workers.failed(), endpoints);
    }

    #[test]
    fn a_failure_wakes_whoever_waits_for_it() {
        struct Woken(std::sync::mpsc::Sender<()>);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.send(()).unwrap();
            }
        }
        let workers = Arc::new(Workers::default());
        let (sender, woken) = std::sync::mpsc::channel();
        let waker = Waker::from(Arc::new(Woken(sender)));
        let mut context = std::task::Context::from_waker(&waker);
        let mut failure = std::pin::pin!(workers.failure());
        let guard = workers.register(&Endpoint::default());
        for _ in 0..3 {
            assert!(failure.as_mut().poll(&mut context).is_pending());
        }
        panic_as(guard);
        assert_eq!(woken.try_iter().count(), 1);
        assert!(failure.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_worker_that_ends_is_missed_unless_it_was_told_to() {
        let stopping = Arc::new(AtomicBool::default());
        let workers = Arc::new(Workers::new(&stopping));
        let [early, in_time] = [(); 2].map(|()| workers.register(&Endpoint::default()));
        drop(early);
        assert_eq!(workers.failed().len(), 1);
        stopping.store(true, Ordering::Release);
        drop(in_time);
        assert_eq!(workers.failed().len(), 1);
        assert!(workers.wait_until_ended(Duration::ZERO));
    }

    #[test]
    fn a_worker_that_does_not_end_is_waited_for_no_longer_than_given() {
        let workers = Arc::new(Workers::default());
        workers.stopping.store(true, Ordering::Release);
        let _hangs = workers.register(&Endpoint::default());
        assert!(!workers.wait_until_ended(Duration::from_millis(10)));
        assert_eq!(workers.failed(), [Endpoint::default()]);
    }
}
