//! The workers and listeners of a server: which run, and which have failed.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::draining::Draining;
use bullhorn_socket::endpoint::Endpoint;

/// The workers of a server.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    state: Mutex<State>,
    ended: Condvar,
    draining: Arc<Draining>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<Endpoint>,
    /// Each endpoint once.
    failed: Vec<Endpoint>,
    on_failure: Vec<Callback>,
}

impl State {
    fn add_failed(&mut self, endpoint: Endpoint) {
        if !self.failed.contains(&endpoint) {
            self.failed.push(endpoint);
        }
    }

    /// The callbacks to call now, without the lock: they may ask what has failed.
    fn due_callbacks(&mut self) -> Vec<Callback> {
        match self.failed.is_empty() {
            true => Vec::new(),
            false => std::mem::take(&mut self.on_failure),
        }
    }
}

struct Callback(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}

impl Workers {
    /// The workers of a server that stops when `draining` begins.
    pub(crate) fn new(draining: &Arc<Draining>) -> Self {
        Self {
            draining: draining.clone(),
            ..Self::default()
        }
    }

    /// Registers a worker of this endpoint, which holds the guard while it runs; a panic drops it too.
    #[must_use]
    pub(crate) fn register(self: &Arc<Self>, endpoint: &Endpoint) -> WorkerGuard {
        self.lock().running.push(endpoint.clone());
        WorkerGuard(self.clone(), endpoint.clone())
    }

    /// The endpoints of the workers that panicked, ended before the server stopped, or did not end in
    /// time.
    pub(crate) fn failed(&self) -> Vec<Endpoint> {
        self.lock().failed.clone()
    }

    /// Calls `callback` once a worker has failed, on the thread of that worker; at once if one has.
    pub(crate) fn on_failure(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        state.on_failure.push(Callback(Box::new(callback)));
        Self::call_due(state);
    }

    fn call_due(mut state: MutexGuard<'_, State>) {
        let due = state.due_callbacks();
        drop(state);
        for callback in due {
            (callback.0)();
        }
    }

    /// Waits until all workers have ended. Returns false when some have not within `timeout`; these
    /// count as failed.
    pub(crate) fn wait_until_ended(&self, timeout: Duration) -> bool {
        let ended = self
            .ended
            .wait_timeout_while(self.lock(), timeout, |state| !state.running.is_empty());
        let (mut state, _) = ended.unwrap_or_else(PoisonError::into_inner);
        for endpoint in state.running.clone() {
            state.add_failed(endpoint);
        }
        let all_ended = state.running.is_empty();
        Self::call_due(state);
        all_ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks one worker as running until it is dropped.
#[derive(Debug)]
pub(crate) struct WorkerGuard(Arc<Workers>, Endpoint);

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        let Self(workers, endpoint) = self;
        let mut state = workers.lock();
        let index = state.running.iter().position(|running| running == endpoint);
        if let Some(index) = index {
            state.running.swap_remove(index);
        }
        if !workers.draining.has_begun() || std::thread::panicking() {
            state.add_failed(endpoint.clone());
        }
        workers.ended.notify_all();
        Workers::call_due(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic_as(guard: WorkerGuard) {
        let thread = std::thread::spawn(move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("as a test"));
        });
        assert!(thread.join().is_err());
    }

    #[test]
    fn a_worker_that_panics_has_failed_even_while_the_server_stops() {
        for stops in [false, true] {
            let workers = Arc::new(Workers::default());
            if stops {
                workers.draining.begin();
            }
            let guard = workers.register(&Endpoint::default());
            assert_eq!(workers.failed(), []);
            panic_as(guard);
            assert_eq!(workers.failed(), [Endpoint::default()]);
            workers.draining.begin();
            assert_eq!(workers.failed(), [Endpoint::default()]);
        }
    }

    #[test]
    fn a_worker_that_ends_before_the_stop_has_failed() {
        let workers = Arc::new(Workers::default());
        let [early, in_time] = [(); 2].map(|()| workers.register(&Endpoint::default()));
        drop(early);
        assert_eq!(workers.failed().len(), 1);
        workers.draining.begin();
        drop(in_time);
        assert_eq!(workers.failed().len(), 1);
        assert!(workers.wait_until_ended(Duration::ZERO));
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
    fn a_failure_is_reported_once_to_each_callback_also_to_one_that_comes_later() {
        let workers = Arc::new(Workers::default());
        let (sender, failures) = std::sync::mpsc::channel();
        let report = || {
            let (workers, sender) = (workers.clone(), sender.clone());
            move || sender.send(workers.failed()).unwrap()
        };
        let guards = [(); 2].map(|()| workers.register(&Endpoint::default()));
        workers.on_failure(report());
        workers.on_failure(report());
        assert_eq!(failures.try_iter().count(), 0);
        for guard in guards {
            panic_as(guard);
        }
        let failed = vec![Endpoint::default()];
        assert_eq!(failures.try_iter().collect::<Vec<_>>(), [&failed[..]; 2]);
        workers.on_failure(report());
        assert_eq!(failures.try_iter().collect::<Vec<_>>(), [failed]);
    }

    #[test]
    fn a_worker_that_does_not_end_fails_after_the_timeout() {
        let workers = Arc::new(Workers::default());
        workers.draining.begin();
        let _hangs = workers.register(&Endpoint::default());
        assert!(!workers.wait_until_ended(Duration::from_millis(10)));
        assert_eq!(workers.failed(), [Endpoint::default()]);
    }
}
