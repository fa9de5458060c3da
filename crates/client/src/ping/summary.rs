//! The result of probing a target.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::behaviour::Behaviour;
use super::outage::Outages;
use crate::ask::counts::Counts;
use crate::ask::latency::LatencySummary;
use crate::ask::path_errors::PathErrorCount;
use bullhorn_socket::endpoint::Endpoint;

/// The result of probing a target.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The endpoint as given, perhaps with a name.
    pub given: Endpoint,
    /// The address that was probed last.
    pub endpoint: Endpoint,
    /// When the first probe was due.
    pub start: Instant,
    /// The time since then.
    pub elapsed: Duration,
    /// The counts of all flows together.
    pub counts: Counts,
    /// Round trips of the right answers in time; without connecting, where each probe does.
    pub round_trips: Option<LatencySummary>,
    /// How long the connections took that these answers came over, where each probe has its own.
    pub connect_times: Option<LatencySummary>,
    /// Interarrival jitter by RFC 3550, in nanoseconds.
    pub jitter_ns: Option<u64>,
    /// The send lag: from the intended to the actual time of each probe.
    pub send_lag: Option<LatencySummary>,
    /// Datagrams that our own kernel dropped because our receive buffer was full.
    pub local_drops: u64,
    /// What the path reported about lost probes.
    pub path_errors: Vec<PathErrorCount>,
    /// Probes that were due while the prober itself was stopped or held up, and were not sent.
    pub skipped: u64,
    /// Periods without any answer, ongoing ones included.
    pub outages: Outages,
    /// Texts sent from fresh source ports during outages; not among the probes.
    pub fresh_sent: u64,
    /// Right answers to them.
    pub fresh_answered: u64,
    /// Messages of other sizes sent during outages; not among the probes.
    pub sizes_sent: u64,
    /// Right answers to them.
    pub sizes_answered: u64,
    /// The figures of each flow.
    pub flows: Vec<FlowSummary>,
}

/// The figures of one flow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FlowSummary {
    /// The address and port that it sends from, or last sent from; `None` for a Unix socket.
    pub source: Option<SocketAddr>,
    /// Its counts.
    pub counts: Counts,
    /// Its round trips.
    pub round_trips: Option<LatencySummary>,
    /// Its jitter in nanoseconds.
    pub jitter_ns: Option<u64>,
}

impl Summary {
    /// How the endpoint behaved.
    pub fn behaviour(&self) -> Behaviour {
        let counts = &self.counts;
        let without_answer = match counts.lost > 0 && counts.lost == counts.unsent {
            true => Behaviour::Unsent,
            false => Behaviour::Silence,
        };
        Behaviour::of(counts).unwrap_or(without_answer)
    }

    /// Whether the endpoint behaved like this. Silence needs a probe that was sent in vain.
    pub fn is_as_expected(&self, expected: Behaviour) -> bool {
        let has_silent_probe = self.counts.silent() > 0;
        self.behaviour() == expected && (expected != Behaviour::Silence || has_silent_probe)
    }
}
