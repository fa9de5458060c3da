//! The options of a server: plain data with defaults.

use std::time::Duration;

use super::impair::Impairment;

/// The limits on connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamLimits {
    /// Connections open at once on one endpoint; further ones are closed as soon as they are accepted.
    pub max_connections: usize,
    /// Connections open at once on all the endpoints together; `None` for no limit but that of each
    /// endpoint.
    pub max_connections_total: Option<usize>,
    /// Connections open at once from one IPv4 address or one IPv6 /64, on all the endpoints
    /// together, and multiples of it from the networks around a /64: twice from its /56, four times
    /// from its /48. `None` for no cap. Loopback and Unix peers are not counted.
    pub max_connections_per_address: Option<usize>,
    /// How long a connection may be silent, neither reading nor writing a byte, before it is
    /// closed; `None` for no limit.
    pub idle_timeout: Option<Duration>,
    /// How long an answer may wait without its peer taking a byte of it before the connection is
    /// closed; `None` for no limit.
    pub write_timeout: Option<Duration>,
    /// Descriptors of the process that connections leave free (RLIMIT_NOFILE, getrlimit(2)).
    /// Connections get the rest when the server starts; further ones wait in the kernel's queue.
    /// `None` where connections may use them up.
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
            // Longer than a sender's retransmission timeouts (RFC 6298) on a lossy path, and
            // shorter than the idle timeout, as a waiting answer takes memory.
            write_timeout: Some(Duration::from_secs(60)),
            reserved_descriptors: None,
        }
    }
}

/// How datagrams are answered.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DatagramOptions {
    /// How they are received and sent.
    pub backend: Backend,
    /// How long an idle worker busy-polls before it sleeps: lower latency, one CPU core busy.
    pub spin: Option<Duration>,
    /// A bad network for the answers. Each endpoint then has one worker, so that the n-th answer is the
    /// same each time.
    pub impairment: Option<Impairment>,
}

/// How datagrams are received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// Many datagrams per call, many per buffer:
    /// [`BatchedBackend`](bullhorn_socket::datagrams::BatchedBackend).
    #[default]
    Batched,
    /// One call per datagram: [`PlainBackend`](bullhorn_socket::datagrams::PlainBackend).
    Plain,
}
