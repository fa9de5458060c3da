//! The outcome of a load on a server, the same for every generator.

use crate::process::Times;
use serde_json::Value;

/// The counts of one run. Always: sent = answered + corrupt + lost.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) corrupt: u64,
    pub(crate) lost: u64,
    /// Answers that match no text in flight, or are duplicates.
    pub(crate) unexpected: u64,
    pub(crate) seconds: f64,
    pub(crate) rate: f64,
    /// The texts per second that an open loop should send.
    pub(crate) requested: Option<u64>,
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) p99_9_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
    pub(crate) server: Times,
    /// Reported by the C generators only.
    pub(crate) generator_wait_seconds: f64,
    /// The totals that `bullhorn` printed.
    pub(crate) totals: Option<Value>,
}

impl Outcome {
    pub(crate) fn is_all_right(&self) -> bool {
        self.answered > 0 && self.answered == self.sent && self.unexpected == 0
    }

    pub(crate) fn accounts(&self) -> String {
        format!(
            "sent {} = answered {} + corrupt {} + lost {}",
            self.sent, self.answered, self.corrupt, self.lost
        )
    }

    /// Answers per second of the server's CPU time.
    pub(crate) fn rate_per_cpu(&self) -> f64 {
        self.answered as f64 / (self.server.cpu_ns.max(1) as f64 / 1e9)
    }

    /// The share of the time in which the server ran: near 1, the server limited the rate.
    pub(crate) fn server_share(&self) -> f64 {
        self.server.cpu_ns as f64 / 1e9 / self.seconds.max(1e-9)
    }

    /// The share of the time in which another program had the server's or the generator's CPU. A
    /// server of several threads waits for itself: there only the generator's share counts.
    pub(crate) fn disturbance(&self, server_is_one_thread: bool) -> f64 {
        let server_wait_seconds = if server_is_one_thread {
            self.server.wait_ns as f64 / 1e9
        } else {
            0.0
        };
        server_wait_seconds.max(self.generator_wait_seconds) / self.seconds.max(1e-9)
    }
}
