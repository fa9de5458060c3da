//! What a run and its workers share: whether to continue, and the progress of each worker. A worker
//! keeps its measurements to itself until it ends.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use super::observer::Control;
use crate::ask::counts::Counts;

pub(super) struct Shared {
    control: AtomicU8,
    finished: AtomicUsize,
    progress: Vec<WorkerProgress>,
}

#[derive(Default)]
struct WorkerProgress {
    sent: AtomicU64,
    ok: AtomicU64,
}

impl Shared {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            control: AtomicU8::new(Control::Continue as u8),
            finished: AtomicUsize::new(0),
            progress: (0..workers).map(|_| WorkerProgress::default()).collect(),
        }
    }

    pub(super) fn control(&self) -> Control {
        let control = self.control.load(Ordering::Relaxed);
        let all = [Control::Continue, Control::Stop];
        let known = all.into_iter().find(|known| *known as u8 == control);
        known.unwrap_or(Control::Abort)
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.control() == Control::Abort
    }

    /// Ends the run at least this early: a stop cannot be taken back.
    pub(super) fn raise(&self, control: Control) {
        self.control.fetch_max(control as u8, Ordering::Relaxed);
    }

    /// The calling worker has ended.
    pub(super) fn finish_worker(&self) {
        self.finished.fetch_add(1, Ordering::Release);
    }

    pub(super) fn has_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire) >= self.progress.len()
    }

    /// Replaces what worker `index` has published before.
    pub(super) fn publish(&self, index: usize, counts: &Counts) {
        if let Some(progress) = self.progress.get(index) {
            progress.sent.store(counts.sent, Ordering::Relaxed);
            progress.ok.store(counts.ok, Ordering::Relaxed);
        }
    }

    /// Measured requests sent and right replies, of all workers.
    pub(super) fn progress(&self) -> (u64, u64) {
        self.progress.iter().fold((0, 0), |(sent, ok), worker| {
            (
                sent + worker.sent.load(Ordering::Relaxed),
                ok + worker.ok.load(Ordering::Relaxed),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_cannot_be_taken_back() {
        let shared = Shared::new(1);
        for (raised, control) in [
            (Control::Continue, Control::Continue),
            (Control::Stop, Control::Stop),
            (Control::Continue, Control::Stop),
            (Control::Abort, Control::Abort),
            (Control::Stop, Control::Abort),
        ] {
            shared.raise(raised);
            assert_eq!(shared.control(), control);
        }
        assert!(shared.is_aborted());
    }

    #[test]
    fn progress_is_the_sum_of_what_the_workers_published_last() {
        let shared = Shared::new(2);
        let counts = |sent, ok| Counts {
            sent,
            ok,
            ..Counts::default()
        };
        shared.publish(0, &counts(3, 2));
        shared.publish(1, &counts(10, 10));
        shared.publish(0, &counts(5, 4));
        assert_eq!(shared.progress(), (15, 14));
        shared.finish_worker();
        assert!(!shared.has_finished());
        shared.finish_worker();
        assert!(shared.has_finished());
    }
}
