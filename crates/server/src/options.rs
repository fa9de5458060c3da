//! What may be chosen for a server: plain data with its defaults.

use std::time::Duration;

use super::impair::Impairment;

/// What streams may take.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// Connections open at once on one endpoint; one more is closed as soon as it is accepted.
    pub max_connections: usize,
    /// Connections open at once on all the endpoints together; `None` for no cap but that of each
    /// endpoint.
    pub max_connections_total: Option<usize>,
    /// Connections open at once from one IPv4 address or one IPv6 /64, on all the endpoints
    /// together, and multiples of it from the networks around a /64: twice from its /56, four times
    /// from its /48. `None` for no cap. Loopback and Unix peers are not counted.
    pub max_connections_per_address: Option<usize>,
    /// How long a connection may be silent, neither reading nor writing a byte, before it is
    /// closed; `None` for ever.
    pub idle_timeout: Option<Duration>,
    /// How long an answer may wait without its peer taking a byte of it before the connection is
    /// closed; `None` for ever.
    pub write_timeout: Option<Duration>,
    /// Descriptors of the process that are kept for others (RLIMIT_NOFILE, getrlimit(2)).
    /// Connections get what is left of them when the server starts; further ones wait in the
    /// kernel's queue. `None` where connections may use them up.
    pub reserved_descriptors: Option<usize>,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_total: None,
            // A tenth of an endpoint: one address does not fill it, and a whole office behind one
            // address is served.
            max_connections_per_address: Some(1000),
            idle_timeout: Some(Duration::from_secs(600)),
            // Longer than the waits between a sender's retransmissions (RFC 6298) on a path that
            // is only bad; and shorter than the idle timeout, as a waiting answer takes memory.
            write_timeout: Some(Duration::from_secs(60)),
            reserved_descriptors: None,
        }
    }
}

/// How datagrams are answered.
#[derive(Clone, Debug, Default)]
pub struct DatagramOptions {
    /// Which backend moves them.
    pub backend: Backend,
    /// How long a worker that has nothing to do asks the kernel again and again before it sleeps.
    /// An answer then comes sooner, for a whole processor.
    pub spin: Option<Duration>,
    /// A bad network on the way back. Each endpoint then has one worker, so that the n-th answer is
    /// the same one each time.
    pub impairment: Option<Impairment>,
}

/// What moves datagrams over a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// Many datagrams a call, many a buffer: [`BatchedBackend`](bullhorn_socket::batched::BatchedBackend).
    #[default]
    Batched,
    /// One call a datagram: [`PlainBackend`](bullhorn_socket::plain::PlainBackend).
    Plain,
}
