//! Why something that was received has no answer: every drop is under exactly one cause.

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
}

impl ConnectionDropCause {
    /// Every cause, in the order of the counters.
    pub const ALL: [Self; 4] = [
        Self::PeerReset,
        Self::IdleTimeout,
        Self::TooManyConnections,
        Self::DrainTimeout,
    ];

    /// The name in JSON and in totals.
    pub fn name(self) -> &'static str {
        match self {
            Self::PeerReset => "peer_reset",
            Self::IdleTimeout => "idle_timeout",
            Self::TooManyConnections => "too_many_connections",
            Self::DrainTimeout => "drain_timeout",
        }
    }
}
