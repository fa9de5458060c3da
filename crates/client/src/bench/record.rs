//! What a run is remembered by: counts that sum, latencies, and the rate over time. Each worker
//! keeps a record of its own; they are merged at the end.

use std::time::Duration;

use hdrhistogram::Histogram;

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests handed to the kernel; always `ok + corrupt + lost + pending`.
    pub sent: u64,
    /// Answers that were right to the last byte.
    pub ok: u64,
    /// Answers that were wrong.
    pub corrupt: u64,
    /// Requests without an answer in time.
    pub lost: u64,
    /// Requests under way when the run was broken off.
    pub pending: u64,
    /// More answers to requests that had one.
    pub duplicate: u64,
    /// Answers to requests that had been given up as lost, and still are counted as that.
    pub late: u64,
    /// Answers that belong to no request at all.
    pub stray: u64,
}

impl Counts {
    /// Adds the counts of another record.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.ok += other.ok;
        self.corrupt += other.corrupt;
        self.lost += other.lost;
        self.pending += other.pending;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.stray += other.stray;
    }

    /// Whether the sums hold.
    pub fn is_balanced(&self) -> bool {
        self.sent == self.ok + self.corrupt + self.lost + self.pending
    }
}

/// The width of a step of [`Record::timeline`].
pub const TIMELINE_STEP: Duration = Duration::from_millis(10);

const STEP_NS: u64 = TIMELINE_STEP.as_nanos() as u64;

/// The longest latency that is told apart from longer ones.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// An empty histogram of nanoseconds, to three digits.
pub(super) fn new_histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST_NS, 3) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("the bounds are constants, and in order"),
    }
}

/// What one worker has seen, or all of them.
#[derive(Clone, Debug)]
pub struct Record {
    /// The requests of the measured time.
    pub counts: Counts,
    /// The requests before it.
    pub warmup: Counts,
    /// Requests that were due before it and never sent: the schedule was too fast to be kept.
    pub warmup_skipped: u64,
    /// From the time a request was to be sent to its right answer, in nanoseconds.
    pub latency: Histogram<u64>,
    /// From the time it was in fact sent, in nanoseconds; apart only with a rate to keep.
    pub service: Option<Histogram<u64>>,
    /// Right answers in each [`TIMELINE_STEP`] of the measured time.
    pub timeline: Vec<u64>,
    /// When the last request was sent, in nanoseconds of the measured time.
    pub last_sent_ns: u64,
    /// When the last right answer came, in nanoseconds of the measured time.
    pub last_ok_ns: u64,
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
            latency: new_histogram(),
            service: has_service.then(new_histogram),
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

    /// Right answers to measured requests have come at `now_ns`.
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

    /// RunResult requests were sent at `now_ns`.
    pub(super) fn note_sent(&mut self, now_ns: u64, amount: u64) {
        self.counts.sent += amount;
        self.last_sent_ns = now_ns.saturating_sub(self.begin_ns);
    }

    /// Takes in what another worker of the same run has seen.
    pub(super) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.warmup.add(&other.warmup);
        self.warmup_skipped += other.warmup_skipped;
        // Both have the same bounds, so nothing is out of range.
        let _ = self.latency.add(&other.latency);
        if let (Some(service), Some(more)) = (&mut self.service, &other.service) {
            let _ = service.add(more);
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
