//! What a sweep reports: while it lasts, and at its end.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::obstacle::Obstacle;
use super::stream::Mss;
use bullhorn_socket::PathError;
use bullhorn_socket::endpoint::Endpoint;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// Each as one packet. The answers may be fragmented: that is the server's decision.
    Unfragmented,
    /// In fragments, where one packet is too small.
    Fragmented,
    /// In TCP segments.
    Stream,
}

impl Measure {
    /// The name, as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unfragmented => "unfragmented",
            Self::Fragmented => "fragmented",
            Self::Stream => "stream",
        }
    }
}

/// What a sweep reports while it lasts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Nothing has been sent yet.
    Begin(&'a Begin<'a>),
    /// A size was tried.
    Size(&'a SizeResult),
}

/// What is known before the first message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Begin<'a> {
    /// The endpoint as given.
    pub given: &'a Endpoint,
    /// Its address.
    pub endpoint: &'a Endpoint,
    /// When the sweep began.
    pub started_at: SystemTime,
    /// The address that messages are sent from; `None` before a connection is made.
    pub source: Option<SocketAddr>,
    /// The smallest message, in bytes.
    pub from: usize,
    /// The largest.
    pub to: usize,
}

/// What came of one size.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SizeResult {
    /// How the messages travelled.
    pub measure: Measure,
    /// The bytes of a message.
    pub size: usize,
    /// How many were sent.
    pub tries: u32,
    /// The time since the beginning.
    pub elapsed: Duration,
    /// The round trip of the right answer, or why there is none.
    pub result: Result<Duration, Obstacle>,
}

/// The largest size that passes in one way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limit {
    /// How the messages travelled.
    pub measure: Measure,
    /// The smallest size, in bytes.
    pub from: usize,
    /// The largest size.
    pub to: usize,
    /// The largest that passed.
    pub passed: Option<usize>,
    /// The smallest above it that did not; `None` when all sizes passed. The next one, unless the
    /// sweep was ended before.
    pub lost: Option<usize>,
    /// Why it did not.
    pub obstacle: Option<Obstacle>,
    /// The report of a router with the smallest MTU.
    pub too_big: Option<PathError>,
    /// Whether the limit is known exactly.
    pub is_complete: bool,
}

impl Limit {
    /// Whether larger packets vanish and nothing reports why, in at least one direction. Fragments
    /// are small enough, so what becomes of them says nothing about it.
    pub fn is_black_hole(&self) -> bool {
        self.measure != Measure::Fragmented
            && self.passed.is_some()
            && self.obstacle == Some(Obstacle::Silence)
    }

    /// Whether the path is the limit, and not this machine.
    fn is_of_path(&self) -> bool {
        matches!(self.obstacle, Some(Obstacle::TooBig(_) | Obstacle::Silence))
    }
}

/// What a sweep has found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The endpoint as given.
    pub given: Endpoint,
    /// Its address.
    pub endpoint: Endpoint,
    /// The address that messages were last sent from.
    pub source: Option<SocketAddr>,
    /// How long it took.
    pub elapsed: Duration,
    /// The messages sent.
    pub sent: u64,
    /// The answers that came after the timeout, to sizes that count as lost.
    pub late: u64,
    /// The bytes of a packet before the message: the headers of IP and UDP.
    pub header: usize,
    /// The MTU of this machine's interface or route, if it was the limit of a size.
    pub local_mtu: Option<u32>,
    /// Over datagrams: what passes as one packet.
    pub unfragmented: Option<Limit>,
    /// Over datagrams: what passes in fragments; `None` when everything passes as one packet.
    pub fragmented: Option<Limit>,
    /// Over TCP.
    pub stream: Option<Limit>,
    /// Over TCP, once connected.
    pub mss: Option<Mss>,
}

impl Summary {
    pub(super) fn new(given: &Endpoint, endpoint: &Endpoint, header: usize) -> Self {
        Self {
            given: given.clone(),
            endpoint: endpoint.clone(),
            source: None,
            elapsed: Duration::ZERO,
            sent: 0,
            late: 0,
            header,
            local_mtu: None,
            unfragmented: None,
            fragmented: None,
            stream: None,
            mss: None,
        }
    }

    /// The limits, in the order in which they were found.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        let limits = [&self.unfragmented, &self.fragmented, &self.stream];
        limits.into_iter().flatten()
    }

    /// Whether any size passed.
    pub fn has_passed(&self) -> bool {
        self.limits().any(|limit| limit.passed.is_some())
    }

    /// The path MTU in bytes: the largest packet that passed, if the next larger one did not pass
    /// the path. Only that to the target is known to be this, as answers may be fragmented.
    pub fn path_mtu(&self) -> Option<usize> {
        let limit = self.unfragmented.as_ref()?;
        let is_known = limit.is_complete && limit.is_of_path();
        Some(limit.passed.filter(|_| is_known)? + self.header)
    }
}
