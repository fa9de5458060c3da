//! The service: bound sockets, the workers that answer on them, and their totals.
//!
//! [`Builder`] collects the wishes, binds outside and starts; [`RunningServer`] runs until it is
//! told to stop. Datagrams are answered on plain threads (`datagram`, with the answers themselves
//! made in `answer`, and a bad network on request in [`impair`]), streams on tokio (`stream`, `connection`). Totals are in [`stats`]. Nothing
//! here reads arguments or prints.

mod answer;
mod connection;
mod datagram;
pub mod impair;
mod kernel_drops;
mod running;
pub mod stats;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use impair::Impairment;
pub use running::RunningServer;

use crate::endpoint::{Endpoint, SocketType};
use crate::error::{Error, Result};
use crate::socket::{BindOptions, BoundSocket, bind, inherit};

/// The service that answers every text in capitals.
///
/// ```
/// use bullhorn::{Client, Server};
///
/// let server = Server::builder()
///     .endpoint("udp://127.0.0.1:0".parse()?)
///     .endpoint("tcp://127.0.0.1:0".parse()?)
///     .start()?;
/// for endpoint in server.endpoints() {
///     assert_eq!(Client::connect(&endpoint)?.request("straße")?, "STRASSE");
/// }
/// assert!(server.stop().is_balanced());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Begins with no endpoints and the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

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

/// How long a stopping server goes on answering what it has received.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that is not started yet.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    endpoints: Vec<Endpoint>,
    bind: BindOptions,
    datagrams: DatagramOptions,
    streams: StreamLimits,
}

impl Builder {
    /// Adds an endpoint to serve; any number may be served at once. With none, the default
    /// endpoint `udp://127.0.0.1:3000` is.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Adds several endpoints.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.endpoints.extend(endpoints);
        self
    }

    /// How sockets are bound.
    #[must_use]
    pub fn bind_options(mut self, options: BindOptions) -> Self {
        self.bind = options;
        self
    }

    /// How datagrams are answered.
    #[must_use]
    pub fn datagram_options(mut self, options: DatagramOptions) -> Self {
        self.datagrams = options;
        self
    }

    /// What streams may take.
    #[must_use]
    pub fn stream_limits(mut self, limits: StreamLimits) -> Self {
        self.streams = limits;
        self
    }

    /// Binds every endpoint and starts to answer. When one cannot be bound, none is served.
    ///
    /// # Errors
    /// What [`bind()`] refuses; [`Error::Socket`] when a thread cannot be started.
    pub fn start(mut self) -> Result<RunningServer> {
        if self.datagrams.impairment.is_some() {
            self.bind.workers = 1;
        }
        let sockets = self.bind_all()?;
        let is_datagram =
            |socket: &BoundSocket| socket.description().socket_type == SocketType::Datagram;
        if self.datagrams.impairment.is_some() && !sockets.iter().any(is_datagram) {
            return Err(Error::Usage(
                "only datagrams can be impaired, and no endpoint is for datagrams; add one, as in \
                 udp://127.0.0.1:3000"
                    .to_owned(),
            ));
        }
        RunningServer::start(sockets, &self.datagrams, &self.streams)
    }

    fn bind_all(&self) -> Result<Vec<BoundSocket>> {
        let default = [Endpoint::default()];
        let endpoints = match self.endpoints.as_slice() {
            [] => &default,
            some => some,
        };
        for endpoint in endpoints {
            if let Endpoint::Descriptor(number) = endpoint {
                inherit::check_open(*number)?;
            }
        }
        let mut sockets = Vec::new();
        let mut without_ipv6 = false;
        for endpoint in endpoints {
            let bound = bind(endpoint, &self.bind)?;
            sockets.extend(bound.sockets);
            without_ipv6 |= bound.without_ipv6;
        }
        if without_ipv6 {
            tracing::warn!("this machine has no IPv6; the empty host is served over IPv4 alone");
        }
        if sockets.is_empty() {
            return Err(Error::Usage("there is nothing to serve".to_owned()));
        }
        Ok(sockets)
    }
}
