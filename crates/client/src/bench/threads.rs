//! The threads of a run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::observer::Control;
use super::shared::Shared;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};

/// Runs `work` with each of `parts` in a separate thread, and `watch` in this one until all have
/// finished. A worker that fails or panics aborts the run.
pub(super) fn run_workers<P: Send, T: Send>(
    parts: Vec<P>,
    shared: &Shared,
    endpoint: &Endpoint,
    work: impl Fn(usize, P) -> Result<T> + Sync,
    watch: impl FnOnce(),
) -> Result<Vec<T>> {
    let watcher = thread::current();
    let run_one = |index, part| {
        let result = catch_unwind(AssertUnwindSafe(|| work(index, part)));
        let result = result.unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())));
        if result.is_err() {
            shared.raise(Control::Abort);
        }
        shared.finish_worker();
        watcher.unpark();
        result
    };
    let run_one = &run_one;
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            let worker = thread::Builder::new()
                .name(format!("load {index}"))
                .spawn_scoped(scope, move || run_one(index, part));
            match worker {
                Ok(worker) => workers.push(worker),
                Err(source) => {
                    shared.raise(Control::Abort);
                    return Err(Error::socket(Operation::Start, endpoint, source));
                }
            }
        }
        watch();
        let joined = workers.into_iter().map(|worker| {
            let result = worker.join();
            result.unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())))
        });
        joined.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_panics_ends_the_run_with_an_error_instead_of_waiting_forever() {
        let shared = Shared::new(3);
        let work = |index, ()| {
            assert_ne!(index, 1, "the second worker is broken");
            while !shared.is_aborted() {
                thread::yield_now();
            }
            Ok(index)
        };
        let endpoint = Endpoint::default();
        let watch = || {
            while !shared.has_finished() {
                thread::park();
            }
        };
        let error = run_workers(vec![(); 3], &shared, &endpoint, work, watch).unwrap_err();
        assert!(matches!(error, Error::Panicked(_)));
        let line = error.to_string();
        assert!(line.contains("the second worker is broken"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}
