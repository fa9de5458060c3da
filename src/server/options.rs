//! What may be chosen for a server: plain data with its defaults.

use std::time::Duration;

use super::impair::Impairment;

/// What streams may take.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// Connections open at once on one endpoint; one more is closed as soon as it is accepted.
    pub max_connections: usize,
    /// How long a connection may be silent, neither reading nor writing a byte, before it is
    /// closed; `None` for ever.
    pub idle_timeout: Option<Duration>,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            idle_timeout: Some(Duration::from_secs(600)),
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
    /// Many datagrams a call, many a buffer: [`BatchedBackend`](crate::socket::batched::BatchedBackend).
    #[default]
    Batched,
    /// One call a datagram: [`PlainBackend`](crate::socket::plain::PlainBackend).
    Plain,
}
