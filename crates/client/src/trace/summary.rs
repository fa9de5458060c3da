//! A trace as it is read.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::outcome::Outcome;
use bullhorn_socket::PathError;
use bullhorn_socket::endpoint::Endpoint;

/// The path of a flow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trace {
    /// The endpoint traced, with its address.
    pub endpoint: Endpoint,
    /// The address and port that all probes were sent from.
    pub source: Option<SocketAddr>,
    /// The bytes of each text.
    pub text_length: usize,
    /// Rounds begun.
    pub rounds: u64,
    /// Rounds that ended with the right answer.
    pub answered: u64,
    /// From the beginning to the end.
    pub elapsed: Duration,
    /// The hops up to the last one from which anything came back.
    pub hops: Vec<Hop>,
    /// How the path ends.
    pub outcome: Outcome,
    /// The TTL at which it ended; `None` for silence, and for what this machine itself reports.
    pub outcome_ttl: Option<u8>,
}

/// What came back for the probes with one TTL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// Of its probes.
    pub ttl: u8,
    /// Probes sent.
    pub sent: u64,
    /// Probes for which something came back in time.
    pub replied: u64,
    /// The shortest round trip.
    pub min: Option<Duration>,
    /// The sum of all round trips.
    pub total: Duration,
    /// The longest round trip.
    pub max: Option<Duration>,
    /// Who replied, in the order in which they first did. With load balancing by packet there may be
    /// several.
    pub addresses: Vec<HopAddress>,
    /// What was reported last, unless it was that the TTL was used up.
    pub report: Option<PathError>,
}

impl Hop {
    pub(super) fn new(ttl: u8) -> Self {
        Self {
            ttl,
            sent: 0,
            replied: 0,
            min: None,
            total: Duration::ZERO,
            max: None,
            addresses: Vec::new(),
            report: None,
        }
    }

    /// Probes for which nothing came back in time.
    pub fn lost(&self) -> u64 {
        self.sent - self.replied
    }

    /// The mean round trip.
    pub fn mean(&self) -> Option<Duration> {
        let replied = u32::try_from(self.replied).unwrap_or(u32::MAX);
        self.total.checked_div(replied)
    }
}

/// One address that replied at a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HopAddress {
    /// The address.
    pub address: IpAddr,
    /// Its name, if one was asked for and found.
    pub name: Option<String>,
    /// How many replies came from it.
    pub replies: u64,
}
