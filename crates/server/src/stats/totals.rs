//! The totals as plain numbers.

use std::ops::AddAssign;

use super::causes::{ConnectionDropCause, DropCause};
use super::histogram::Histogram;
use super::impaired::ImpairTotals;
use bullhorn_socket::endpoint::Endpoint;

/// What happened to the datagrams of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramTotals {
    /// Datagrams taken from the kernel.
    pub received: u64,
    /// Datagrams answered.
    pub answered: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full: the number that
    /// SO_RXQ_OVFL and SO_MEMINFO report (socket(7)).
    pub kernel_dropped: u64,
    /// Datagrams in each batch, which is what one receive call returns.
    pub batches: Histogram,
    /// Datagrams in each run, which is what one buffer holds: segments of one flow (UDP_GRO), or a
    /// single datagram.
    pub runs: Histogram,
    /// Bytes in each datagram received.
    pub datagrams: Histogram,
    /// What the bad network did, if one was requested.
    pub impaired: Option<ImpairTotals>,
    pub(super) dropped: [u64; DropCause::ALL.len()],
}

impl DatagramTotals {
    /// Datagrams dropped for one cause.
    pub fn dropped_by(&self, cause: DropCause) -> u64 {
        self.dropped[cause as usize]
    }

    /// Datagrams dropped for any cause.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

impl AddAssign for DatagramTotals {
    fn add_assign(&mut self, other: Self) {
        // By name, so that a new one cannot be forgotten.
        let Self {
            received,
            answered,
            kernel_dropped,
            batches,
            runs,
            datagrams,
            impaired,
            dropped,
        } = other;
        self.received += received;
        self.answered += answered;
        self.kernel_dropped += kernel_dropped;
        self.batches += batches;
        self.runs += runs;
        self.datagrams += datagrams;
        if let Some(impaired) = impaired {
            *self.impaired.get_or_insert_default() += impaired;
        }
        add_each(&mut self.dropped, dropped);
    }
}

/// What happened to the connections of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that ended with every byte answered.
    pub finished: u64,
    /// Bytes read from all of them.
    pub received_bytes: u64,
    /// Bytes of answers written to all of them; capitals can be longer than their text.
    pub answered_bytes: u64,
    /// Bytes of answers that were made and could not be written.
    pub unsent_bytes: u64,
    /// Connections to an MPTCP endpoint over plain TCP, as the peer or the path has no MPTCP.
    pub without_mptcp: u64,
    /// Calls of accept(2) that failed. They are not part of the sum of the connections: what the
    /// kernel could not hand over stays in its queue or is lost there.
    pub accept_failures: u64,
    pub(super) dropped: [u64; ConnectionDropCause::ALL.len()],
}

impl StreamTotals {
    /// Connections dropped for one cause.
    pub fn dropped_by(&self, cause: ConnectionDropCause) -> u64 {
        self.dropped[cause as usize]
    }

    /// Connections dropped for any cause.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.accepted.saturating_sub(self.finished + self.dropped())
    }
}

impl AddAssign for StreamTotals {
    fn add_assign(&mut self, other: Self) {
        let Self {
            accepted,
            finished,
            received_bytes,
            answered_bytes,
            unsent_bytes,
            without_mptcp,
            accept_failures,
            dropped,
        } = other;
        self.accepted += accepted;
        self.finished += finished;
        self.received_bytes += received_bytes;
        self.answered_bytes += answered_bytes;
        self.unsent_bytes += unsent_bytes;
        self.without_mptcp += without_mptcp;
        self.accept_failures += accept_failures;
        add_each(&mut self.dropped, dropped);
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], more: [u64; N]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

/// The totals of one endpoint, by the type of its socket.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each endpoint, and plain numbers are easily copied"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// Of a datagram endpoint.
    Datagram(DatagramTotals),
    /// Of a stream endpoint.
    Stream(StreamTotals),
}

impl Totals {
    /// Datagrams taken from the kernel, or connections accepted.
    pub fn received(&self) -> u64 {
        match self {
            Self::Datagram(totals) => totals.received,
            Self::Stream(totals) => totals.accepted,
        }
    }

    /// Datagrams answered, or connections that ended with every byte answered.
    pub fn answered(&self) -> u64 {
        match self {
            Self::Datagram(totals) => totals.answered,
            Self::Stream(totals) => totals.finished,
        }
    }

    /// Datagrams or connections dropped for any cause.
    pub fn dropped(&self) -> u64 {
        match self {
            Self::Datagram(totals) => totals.dropped(),
            Self::Stream(totals) => totals.dropped(),
        }
    }
}

/// The totals of a server: overall, and endpoint by endpoint.
///
/// A datagram counts as one, and so does a connection. `received = answered + dropped`, plus the
/// connections that are open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams taken from the kernel and connections accepted.
    pub received: u64,
    /// Datagrams answered and connections that ended with every byte answered.
    pub answered: u64,
    /// Datagrams and connections dropped for any cause.
    pub dropped: u64,
    /// In the order in which the endpoints were given.
    pub endpoints: Vec<(Endpoint, Totals)>,
}

impl Stats {
    /// Adds up the totals of these endpoints.
    pub fn new(endpoints: Vec<(Endpoint, Totals)>) -> Self {
        let sum = |of: fn(&Totals) -> u64| endpoints.iter().map(|(_, totals)| of(totals)).sum();
        Self {
            received: sum(Totals::received),
            answered: sum(Totals::answered),
            dropped: sum(Totals::dropped),
            endpoints,
        }
    }

    /// Whether every datagram and every connection is under exactly one heading. True for a server
    /// that has stopped, and for one with nothing in flight.
    pub fn is_balanced(&self) -> bool {
        self.endpoints.iter().all(|(_, totals)| match totals {
            Totals::Datagram(totals) => totals.received == totals.answered + totals.dropped(),
            Totals::Stream(totals) => totals.open() == 0,
        })
    }
}
