//! The totals: every datagram and every connection under exactly one heading.
//!
//! For datagrams `received = answered + dropped`, for connections
//! `accepted = finished + dropped + open`, at any moment when no batch is under way. What the
//! kernel dropped before us is beside the sum, not in it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::endpoint::Endpoint;

/// Why a datagram that was received was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropCause {
    /// It was longer than any datagram we take, so its end is missing.
    RequestTruncated,
    /// It came from a Unix socket without a name.
    NoReturnAddress,
    /// The kernel did not say which of our addresses it was sent to.
    DestinationUnknown,
    /// Its capitals are longer than a datagram can be.
    AnswerTooLarge,
    /// The sender is gone: its socket is closed, or there is no way to it.
    PeerGone,
    /// The sender's queue, or ours to the network, is full.
    QueueFull,
    /// The kernel refused the answer for another reason.
    SendFailed,
    /// The bad network that was asked for lost the answer.
    Impaired,
}

impl DropCause {
    /// Every cause, in the order of the counters.
    pub const ALL: [Self; 8] = [
        Self::RequestTruncated,
        Self::NoReturnAddress,
        Self::DestinationUnknown,
        Self::AnswerTooLarge,
        Self::PeerGone,
        Self::QueueFull,
        Self::SendFailed,
        Self::Impaired,
    ];

    /// The name in JSON and in totals.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestTruncated => "request_truncated",
            Self::NoReturnAddress => "no_return_address",
            Self::DestinationUnknown => "destination_unknown",
            Self::AnswerTooLarge => "answer_too_large",
            Self::PeerGone => "peer_gone",
            Self::QueueFull => "queue_full",
            Self::SendFailed => "send_failed",
            Self::Impaired => "impaired",
        }
    }
}

/// Why a connection that was accepted did not come to its proper end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionDropCause {
    /// The peer reset it, or was gone when its answer was written.
    PeerReset,
    /// It was silent for longer than the idle timeout.
    IdleTimeout,
    /// It came when the most connections allowed were open.
    TooManyConnections,
    /// Its answers could not be written before the stopping server's time ran out.
    DrainTimeout,
    /// The kernel refused to read or write for a reason that is not the peer's.
    SocketFailed,
}

impl ConnectionDropCause {
    /// Every cause, in the order of the counters.
    pub const ALL: [Self; 5] = [
        Self::PeerReset,
        Self::IdleTimeout,
        Self::TooManyConnections,
        Self::DrainTimeout,
        Self::SocketFailed,
    ];

    /// The name in JSON and in totals.
    pub fn name(self) -> &'static str {
        match self {
            Self::PeerReset => "peer_reset",
            Self::IdleTimeout => "idle_timeout",
            Self::TooManyConnections => "too_many_connections",
            Self::DrainTimeout => "drain_timeout",
            Self::SocketFailed => "socket_failed",
        }
    }
}

/// What one batch adds to the totals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) answered: u64,
    pub(crate) impaired: ImpairTotals,
    dropped: [u64; DropCause::ALL.len()],
}

impl Tally {
    pub(crate) fn count_drop(&mut self, cause: DropCause, datagrams: usize) {
        self.dropped[cause as usize] += datagrams as u64;
    }
}

/// The counters of one datagram socket.
#[derive(Debug, Default)]
pub(crate) struct DatagramCounters {
    received: AtomicU64,
    answered: AtomicU64,
    dropped: [AtomicU64; DropCause::ALL.len()],
    /// Set where there is a bad network.
    pub(crate) impaired: Option<[AtomicU64; ImpairTotals::NAMES.len()]>,
}

impl DatagramCounters {
    /// With or without a bad network on the way.
    pub(crate) fn new(is_impaired: bool) -> Self {
        Self {
            impaired: is_impaired.then(Default::default),
            ..Self::default()
        }
    }

    pub(crate) fn add(&self, tally: &Tally) {
        let add = |counter: &AtomicU64, count: u64| {
            if count > 0 {
                counter.fetch_add(count, Ordering::Relaxed);
            }
        };
        add(&self.received, tally.received);
        add(&self.answered, tally.answered);
        for (counter, count) in self.dropped.iter().zip(tally.dropped) {
            add(counter, count);
        }
        for (counter, (_, count)) in self.impaired.iter().flatten().zip(tally.impaired.named()) {
            add(counter, count);
        }
    }

    pub(crate) fn read(&self, kernel_dropped: u64) -> DatagramTotals {
        DatagramTotals {
            received: self.received.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            kernel_dropped,
            dropped: self
                .dropped
                .each_ref()
                .map(|counter| counter.load(Ordering::Relaxed)),
            impaired: self.impaired.as_ref().map(|counters| {
                let [lost, duplicated, reordered, corrupted, delayed] = counters
                    .each_ref()
                    .map(|counter| counter.load(Ordering::Relaxed));
                ImpairTotals {
                    lost,
                    duplicated,
                    reordered,
                    corrupted,
                    delayed,
                }
            }),
        }
    }
}

/// The counters of one listening socket.
#[derive(Debug, Default)]
pub(crate) struct StreamCounters {
    pub(crate) accepted: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    pub(crate) answered_bytes: AtomicU64,
    pub(crate) unsent_bytes: AtomicU64,
    dropped: [AtomicU64; ConnectionDropCause::ALL.len()],
}

impl StreamCounters {
    pub(crate) fn count_drop(&self, cause: ConnectionDropCause) {
        self.dropped[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> StreamTotals {
        StreamTotals {
            accepted: self.accepted.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            answered_bytes: self.answered_bytes.load(Ordering::Relaxed),
            unsent_bytes: self.unsent_bytes.load(Ordering::Relaxed),
            dropped: self
                .dropped
                .each_ref()
                .map(|counter| counter.load(Ordering::Relaxed)),
        }
    }
}

/// What happened to the datagrams of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramTotals {
    /// Datagrams taken from the kernel.
    pub received: u64,
    /// Datagrams answered.
    pub answered: u64,
    /// Datagrams that the kernel dropped before us, as our receive buffer was full: the number that
    /// SO_RXQ_OVFL and SO_MEMINFO give (socket(7)).
    pub kernel_dropped: u64,
    /// What the bad network did, where one was asked for.
    pub impaired: Option<ImpairTotals>,
    dropped: [u64; DropCause::ALL.len()],
}

/// The truth of a bad network: what befell the answers, each counted when it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImpairTotals {
    /// Answers not sent. They are among the dropped.
    pub lost: u64,
    /// Answers sent a second time. The second copies are not among the answered.
    pub duplicated: u64,
    /// Answers sent after a later answer of their flow.
    pub reordered: u64,
    /// Answers sent with a changed bit.
    pub corrupted: u64,
    /// Answers that had to wait before they were sent.
    pub delayed: u64,
}

impl ImpairTotals {
    const NAMES: [&str; 5] = ["lost", "duplicated", "reordered", "corrupted", "delayed"];

    /// Each with its name in JSON and in totals.
    pub fn named(&self) -> [(&'static str, u64); 5] {
        let counts = [
            self.lost,
            self.duplicated,
            self.reordered,
            self.corrupted,
            self.delayed,
        ];
        std::array::from_fn(|index| (Self::NAMES[index], counts[index]))
    }
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
    dropped: [u64; ConnectionDropCause::ALL.len()],
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

/// The totals of one endpoint, by the type of its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// Of a datagram endpoint.
    Datagram(DatagramTotals),
    /// Of a stream endpoint.
    Stream(StreamTotals),
}

/// The totals of a server, endpoint by endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// In the order in which the endpoints were given.
    pub endpoints: Vec<(Endpoint, Totals)>,
}

impl Stats {
    /// Whether every datagram and every connection is under exactly one heading. True of a server
    /// that has stopped, and of one that has nothing under way.
    pub fn is_balanced(&self) -> bool {
        self.endpoints.iter().all(|(_, totals)| match totals {
            Totals::Datagram(totals) => totals.received == totals.answered + totals.dropped(),
            Totals::Stream(totals) => totals.open() == 0,
        })
    }
}
