//! What came of a load on a server, whoever put it on.

use crate::process::Times;
use serde_json::Value;

/// What one run counted. Always: sent = answered + corrupt + lost.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) corrupt: u64,
    pub(crate) lost: u64,
    /// Answers that name no text under way, or come a second time.
    pub(crate) unasked: u64,
    pub(crate) seconds: f64,
    pub(crate) rate: f64,
    /// Of an open loop: so many texts a second were to be sent.
    pub(crate) requested: Option<u64>,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) p99_9_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
    pub(crate) server: Times,
    /// The C generators alone tell it.
    pub(crate) generator_wait_seconds: f64,
    /// What `bullhorn` said of itself.
    pub(crate) totals: Option<Value>,
}

impl Outcome {
    pub(crate) fn all_right(&self) -> bool {
        self.answered > 0 && self.answered == self.sent && self.unasked == 0
    }

    pub(crate) fn accounts(&self) -> String {
        format!(
            "sent {} = answered {} + corrupt {} + lost {}",
            self.sent, self.answered, self.corrupt, self.lost
        )
    }

    /// Answers for each second of the server's own processor time.
    pub(crate) fn rate_per_cpu(&self) -> f64 {
        self.answered as f64 / (self.server.cpu_ns.max(1) as f64 / 1e9)
    }

    /// The part of the time in which the server ran: near 1, it was the server that set the rate.
    pub(crate) fn server_share(&self) -> f64 {
        self.server.cpu_ns as f64 / 1e9 / self.seconds.max(1e-9)
    }

    /// The part of the time in which somebody else had the server's or the generator's processor.
    /// A server of many processes waits for itself: there the generator's share alone counts.
    pub(crate) fn disturbance(&self, server_is_one_thread: bool) -> f64 {
        let server_wait_seconds = if server_is_one_thread {
            self.server.wait_ns as f64 / 1e9
        } else {
            0.0
        };
        server_wait_seconds.max(self.generator_wait_seconds) / self.seconds.max(1e-9)
    }
}
