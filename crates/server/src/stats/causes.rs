//! Why something that was received was not answered: every drop has exactly one cause.

/// Why a datagram that was received was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropCause {
    /// It was longer than any datagram that we accept, so its end is missing.
    RequestTruncated,
    /// It came from a Unix socket without a name.
    NoReturnAddress,
    /// The kernel did not report which of our addresses it was sent to.
    DestinationUnknown,
    /// Its capitals are longer than a datagram can be.
    AnswerTooLarge,
    /// The sender is gone: its socket is closed, or there is no route to it.
    PeerGone,
    /// The sender's queue, or ours to the network, is full.
    QueueFull,
    /// The kernel refused the answer for another reason.
    SendFailed,
    /// The path of the Unix socket that it came from is not a socket of its sender: a symbolic link,
    /// another user's, or one that cannot be checked.
    NotSendersSocket,
    /// We may not write to the Unix socket that it came from.
    NotPermitted,
    /// The simulated bad network lost the answer.
    Impaired,
    /// Its answer equals the request, and it came back too fast: an endless exchange.
    LoopSuspected,
    /// It came from port 0, which cannot be answered.
    SourcePortZero,
    /// It claims to come from an endpoint of this server.
    SourceIsOurs,
    /// It was sent to a multicast group or a broadcast address.
    NotUnicast,
    /// It came from the port of a service that answers anything, including our answer.
    ReflectingSourcePort,
    /// Its source is denied, or not among those allowed.
    SourceDenied,
    /// Its source, or the network around it, exceeds the rate limit.
    RateLimited,
}

impl DropCause {
    /// Every cause, in the order of the counters.
    pub const ALL: [Self; 17] = [
        Self::RequestTruncated,
        Self::NoReturnAddress,
        Self::DestinationUnknown,
        Self::AnswerTooLarge,
        Self::PeerGone,
        Self::QueueFull,
        Self::SendFailed,
        Self::NotSendersSocket,
        Self::NotPermitted,
        Self::Impaired,
        Self::LoopSuspected,
        Self::SourcePortZero,
        Self::SourceIsOurs,
        Self::NotUnicast,
        Self::ReflectingSourcePort,
        Self::SourceDenied,
        Self::RateLimited,
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
            Self::NotSendersSocket => "not_senders_socket",
            Self::NotPermitted => "not_permitted",
            Self::Impaired => "impaired",
            Self::LoopSuspected => "loop_suspected",
            Self::SourcePortZero => "source_port_zero",
            Self::SourceIsOurs => "source_is_ours",
            Self::NotUnicast => "not_unicast",
            Self::ReflectingSourcePort => "reflecting_source_port",
            Self::SourceDenied => "source_denied",
            Self::RateLimited => "rate_limited",
        }
    }

    /// Whether the log names the last peer. The other causes are common, and harmless or explained
    /// by the totals.
    pub(super) fn is_reported(self) -> bool {
        !matches!(
            self,
            Self::RequestTruncated
                | Self::NoReturnAddress
                | Self::DestinationUnknown
                | Self::PeerGone
                | Self::QueueFull
                | Self::SendFailed
                | Self::Impaired
        )
    }

    /// What to do about it, for the log.
    pub(crate) fn advice(self) -> Option<&'static str> {
        match self {
            Self::LoopSuspected => Some(
                "the same text, already in capitals, came more than twice a second, as when two \
                 servers answer each other without end; vary the text, or serve with --loop-guard off",
            ),
            Self::NotSendersSocket => Some(
                "the path it came from is a symbolic link, another user's, or cannot be checked",
            ),
            Self::NotPermitted => Some(
                "we may not write to its socket; let the client bind an abstract name or widen its \
                 file's mode, or, as root, serve with --answer-private-sockets",
            ),
            _ => None,
        }
    }
}

/// Why an accepted connection did not end with every byte answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionDropCause {
    /// The peer reset it, or was gone when its answer was written.
    PeerReset,
    /// It was silent for longer than the idle timeout.
    IdleTimeout,
    /// Its peer took no byte of an answer for longer than the write timeout.
    WriteTimeout,
    /// It came when the most connections allowed on its endpoint were open.
    TooManyConnections,
    /// It came when the most connections allowed on the whole server were open.
    TooManyConnectionsTotal,
    /// It came when the most connections allowed from its address were open.
    TooManyFromAddress,
    /// Its answers could not be written before the stopping server's time ran out.
    DrainTimeout,
    /// The kernel refused to read or write for a reason that is not the peer's.
    SocketFailed,
    /// Its peer is denied, or not among those allowed.
    SourceDenied,
    /// It brought a message that is longer than any we accept, or whose capitals are. Answers come
    /// in order, so without this one the next would be taken for it.
    MessageTooLarge,
}

impl ConnectionDropCause {
    /// Every cause, in the order of the counters.
    pub const ALL: [Self; 10] = [
        Self::PeerReset,
        Self::IdleTimeout,
        Self::WriteTimeout,
        Self::TooManyConnections,
        Self::TooManyConnectionsTotal,
        Self::TooManyFromAddress,
        Self::DrainTimeout,
        Self::SocketFailed,
        Self::SourceDenied,
        Self::MessageTooLarge,
    ];

    /// The name in JSON and in totals.
    pub fn name(self) -> &'static str {
        match self {
            Self::PeerReset => "peer_reset",
            Self::IdleTimeout => "idle_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyConnectionsTotal => "too_many_connections_total",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::DrainTimeout => "drain_timeout",
            Self::SocketFailed => "socket_failed",
            Self::SourceDenied => "source_denied",
            Self::MessageTooLarge => "message_too_large",
        }
    }
}
