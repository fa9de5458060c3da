//! The result of a run, and what can be concluded from it.

use std::time::Duration;

use super::connecting::Connecting;
use super::record::Record;
use super::settings::Settings;
use super::worker::WorkerResult;
use crate::ask::path_errors::{PathErrorCount, PathErrors};
use bullhorn_socket::PathOutcome;
use bullhorn_socket::endpoint::Endpoint;

/// What a run has measured.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunResult {
    /// The endpoint as given, perhaps with a name.
    pub given: Endpoint,
    /// The address that the load was put on.
    pub endpoint: Endpoint,
    /// The settings of the run, with the window that was used.
    pub settings: Settings,
    /// How long the connections took that the requests went over.
    pub connecting: Connecting,
    /// Counts, latencies and the rate over time.
    pub record: Record,
    /// How long requests were sent.
    pub sending: Duration,
    /// From the beginning of the measured time to the last right reply.
    pub elapsed: Duration,
    /// The CPU time of the workers, user and system; `None` where the kernel does not report it.
    pub cpu: Option<Duration>,
    polls: u64,
    empty_polls: u64,
    /// Whether several texts travelled in one buffer to the end.
    pub has_offload: bool,
    path_errors: PathErrors,
    /// Connections that the peer closed.
    pub closed: u64,
    /// The observer ended the run before its time.
    pub is_early: bool,
}

/// Below this share of the requested rate, something was too slow.
const MIN_RATE_SHARE: f64 = 0.99;

/// A generator with fewer empty polls hardly ever waits for a reply, and so limits the load itself.
const MIN_EMPTY_SHARE: f64 = 0.05;

impl RunResult {
    /// The result of a run without workers; `record` is empty.
    pub(super) fn new(endpoint: Endpoint, settings: Settings, record: Record) -> Self {
        Self {
            given: endpoint.clone(),
            endpoint,
            has_offload: settings.has_offload,
            settings,
            connecting: Connecting::default(),
            record,
            sending: Duration::ZERO,
            elapsed: Duration::ZERO,
            cpu: Some(Duration::ZERO),
            polls: 0,
            empty_polls: 0,
            path_errors: PathErrors::default(),
            closed: 0,
            is_early: false,
        }
    }

    /// Adds what one worker has measured, and its CPU time.
    pub(super) fn add(&mut self, worker: WorkerResult, cpu: Option<Duration>) {
        self.record.merge(&worker.record);
        self.polls += worker.polls;
        self.empty_polls += worker.empty_polls;
        self.path_errors.merge(&worker.path_errors);
        self.closed += worker.closed;
        self.has_offload &= worker.has_offload;
        self.cpu = self.cpu.zip(cpu).map(|(sum, more)| sum + more);
    }

    /// Sets the times, once all workers are added.
    pub(super) fn finish(&mut self, is_early: bool) {
        self.is_early = is_early;
        let record = &self.record;
        // The last request of a schedule has its own step of it.
        let step = self.settings.rate.map_or(0.0, |rate| 1.0 / rate);
        self.sending = Duration::from_nanos(record.last_sent_ns) + Duration::from_secs_f64(step);
        if let (Some(_), false, Some(duration)) =
            (self.settings.rate, is_early, self.settings.duration)
            && self
                .settings
                .count
                .is_none_or(|count| record.counts.sent < count)
        {
            // Requests that were due and never sent are missing from the whole time: it is not
            // cut short for them.
            self.sending = self.sending.max(duration);
        }
        self.elapsed = self.sending.max(Duration::from_nanos(record.last_ok_ns));
    }

    /// What the path reported, each different report with its number: after the first right reply,
    /// or about requests that were too big for it.
    pub fn path_errors(&self) -> &[PathErrorCount] {
        self.path_errors.as_slice()
    }

    /// How many reports had this outcome.
    pub fn count_path_errors(&self, outcome: PathOutcome) -> u64 {
        let entries = self.path_errors().iter();
        let matching = entries.filter(|entry| entry.error.outcome() == outcome);
        matching.map(|entry| entry.count).sum()
    }

    /// Requests sent per second.
    pub fn sent_rate(&self) -> f64 {
        per_second(self.record.counts.sent, self.sending)
    }

    /// Right replies per second.
    pub fn achieved_rate(&self) -> f64 {
        per_second(self.record.counts.ok, self.elapsed)
    }

    /// Lost requests as a share of those sent, 0 to 1; `None` if none was sent.
    pub fn loss(&self) -> Option<f64> {
        let counts = &self.record.counts;
        (counts.sent > 0).then(|| counts.lost as f64 / counts.sent as f64)
    }

    /// The share of polls for replies that found nothing, 0 to 1.
    pub fn idle_share(&self) -> f64 {
        self.empty_polls as f64 / self.polls.max(1) as f64
    }

    /// Whether the achieved rate is more than 1 % below the requested one.
    pub fn is_below_request(&self) -> bool {
        let requested = self.settings.rate.unwrap_or(0.0);
        self.achieved_rate() < requested * MIN_RATE_SHARE
    }

    /// Whether the generator itself limited the load: it sent less than the requested rate, or
    /// without one, hardly ever waited for a reply.
    pub fn generator_was_limit(&self) -> bool {
        match self.settings.rate {
            Some(rate) => self.sent_rate() < rate * MIN_RATE_SHARE,
            None => self.idle_share() < MIN_EMPTY_SHARE,
        }
    }
}

fn per_second(amount: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    amount as f64 / time.as_secs_f64()
}
