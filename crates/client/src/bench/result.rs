//! The result of a run, and what can be concluded from it.

use std::time::Duration;

use super::record::Record;
use super::settings::Settings;
use bullhorn_socket::endpoint::Endpoint;

/// What came of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunResult {
    /// The address that was asked.
    pub endpoint: Endpoint,
    /// What load was put on it; the window is the one that was kept.
    pub settings: Settings,
    /// What was seen.
    pub record: Record,
    /// How long requests were sent.
    pub sending: Duration,
    /// From the begin of the measured time to the last right answer.
    pub elapsed: Duration,
    /// What the workers had of the processors, user and system; unknown where the kernel does not
    /// tell.
    pub cpu: Option<Duration>,
    /// The share of polls for answers that found none.
    pub idle_share: f64,
    /// Whether texts travelled many in one buffer to the end.
    pub has_offload: bool,
    /// Sends that the far end refused (ECONNREFUSED) after it had answered before.
    pub refused: u64,
    /// Connections that the far end closed.
    pub closed: u64,
    /// The observer ended the run before its time.
    pub is_early: bool,
}

/// Below this part of what was requested, something was too slow.
const NEAR: f64 = 0.99;

/// A generator that hardly ever has to wait for an answer is itself what holds the load up.
const MIN_IDLE_SHARE: f64 = 0.05;

impl RunResult {
    /// Requests sent a second.
    pub fn sent_rate(&self) -> f64 {
        per_second(self.record.counts.sent, self.sending)
    }

    /// Right answers a second.
    pub fn achieved_rate(&self) -> f64 {
        per_second(self.record.counts.ok, self.elapsed)
    }

    /// Lost requests as a part of those sent; `None` when there were none.
    pub fn loss(&self) -> Option<f64> {
        let counts = &self.record.counts;
        (counts.sent > 0).then(|| counts.lost as f64 / counts.sent as f64)
    }

    /// The rate that was requested was not answered, by more than one in a hundred.
    pub fn is_below_request(&self) -> bool {
        let requested = self.settings.rate.unwrap_or(0.0);
        self.achieved_rate() < requested * NEAR
    }

    /// The load was less than it could have been because of the generator: it did not send what
    /// was requested, or without a rate to keep, hardly ever had to wait for an answer.
    pub fn generator_was_limit(&self) -> bool {
        match self.settings.rate {
            Some(rate) => self.sent_rate() < rate * NEAR,
            None => self.idle_share < MIN_IDLE_SHARE,
        }
    }
}

fn per_second(amount: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    amount as f64 / time.as_secs_f64()
}
