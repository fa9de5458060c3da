//! What a run has measured: counts that sum, latencies, and the rate over time. Each worker keeps
//! its own record; they are merged at the end.

use std::time::Duration;

use crate::ask::counts::Counts;
use crate::ask::diagnosis::Diagnosis;
use crate::ask::latency::Latency;

/// The width of a step of [`Record::timeline`].
pub const TIMELINE_STEP: Duration = Duration::from_millis(10);

const STEP_NS: u64 = TIMELINE_STEP.as_nanos() as u64;

/// What one worker has measured, or all of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// The requests of the measured time.
    pub counts: Counts,
    /// The requests of the warm-up.
    pub warmup: Counts,
    /// Requests due in the warm-up that were never sent: the schedule was too fast.
    pub warmup_skipped: u64,
    /// What is wrong with the first wrong reply, in the warm-up or after it.
    pub first_wrong: Option<Diagnosis>,
    /// From when a request was due to its right reply.
    pub latency: Latency,
    /// From when it was sent to its right reply; only with a rate, which makes the two differ.
    pub service: Option<Latency>,
    /// Right replies in each [`TIMELINE_STEP`] of the measured time.
    pub timeline: Vec<u64>,
    /// When the last request was sent, in nanoseconds of the measured time.
    pub(crate) last_sent_ns: u64,
    /// When the last right reply came, in nanoseconds of the measured time.
    pub(crate) last_ok_ns: u64,
    /// When the measured time begins, on the run's clock.
    begin_ns: u64,
    step: usize,
    step_end_ns: u64,
}

impl Record {
    /// An empty record of a measured time that begins at `begin_ns` on the run's clock.
    pub(super) fn new(begin_ns: u64, has_service: bool) -> Self {
        Self {
            counts: Counts::default(),
            warmup: Counts::default(),
            warmup_skipped: 0,
            first_wrong: None,
            latency: Latency::default(),
            service: has_service.then(Latency::default),
            timeline: vec![0],
            last_sent_ns: 0,
            last_ok_ns: 0,
            begin_ns,
            step: 0,
            step_end_ns: begin_ns + STEP_NS,
        }
    }

    /// The counts that a request belongs to.
    pub(super) fn counts_of(&mut self, is_measured: bool) -> &mut Counts {
        if is_measured {
            &mut self.counts
        } else {
            &mut self.warmup
        }
    }

    /// Right replies to measured requests came at `now_ns`.
    pub(super) fn note_ok(&mut self, now_ns: u64, amount: u64) {
        self.counts.ok += amount;
        self.last_ok_ns = now_ns.saturating_sub(self.begin_ns);
        if now_ns >= self.step_end_ns {
            self.step = (self.last_ok_ns / STEP_NS) as usize;
            self.step_end_ns = self.begin_ns + (self.step as u64 + 1) * STEP_NS;
            self.timeline.resize(self.step + 1, 0);
        }
        self.timeline[self.step] += amount;
    }

    /// Measured requests were sent at `now_ns`.
    pub(super) fn note_sent(&mut self, now_ns: u64, amount: u64) {
        self.counts.sent += amount;
        self.last_sent_ns = now_ns.saturating_sub(self.begin_ns);
    }

    /// Adds what another worker of the same run has measured.
    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.warmup.merge(&other.warmup);
        self.warmup_skipped += other.warmup_skipped;
        if self.first_wrong.is_none() {
            self.first_wrong.clone_from(&other.first_wrong);
        }
        self.latency.merge(&other.latency);
        if let (Some(service), Some(more)) = (&mut self.service, &other.service) {
            service.merge(more);
        }
        if self.timeline.len() < other.timeline.len() {
            self.timeline.resize(other.timeline.len(), 0);
        }
        for (sum, more) in self.timeline.iter_mut().zip(&other.timeline) {
            *sum += more;
        }
        self.last_sent_ns = self.last_sent_ns.max(other.last_sent_ns);
        self.last_ok_ns = self.last_ok_ns.max(other.last_ok_ns);
    }
}
