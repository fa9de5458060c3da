//! Collects the options of a server, and binds its sockets.

use std::os::fd::RawFd;

use super::bound::BoundServer;
use super::guard::{Guard, GuardOptions};
use super::options::{DatagramOptions, StreamLimits};
use super::server::Server;
use bullhorn_socket::endpoint::{Endpoint, ParseEndpointError, SocketType};
use bullhorn_socket::error::{Error, Result};
use bullhorn_socket::{BindOptions, BoundSocket, bind, check_open, open_ones};

/// A server that is not bound yet.
///
/// An endpoint is given as text, as a [`SocketAddr`](std::net::SocketAddr) (UDP) or as an
/// [`Endpoint`]. [`bind`](Self::bind) and [`start`](Self::start) report the first text that is not
/// an endpoint.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder binds nothing until `bind` or `start`"]
pub struct ServerBuilder {
    endpoints: Vec<Endpoint>,
    malformed: Option<ParseEndpointError>,
    bind: BindOptions,
    datagrams: DatagramOptions,
    streams: StreamLimits,
    guard: GuardOptions,
    max_peers: usize,
}

impl ServerBuilder {
    /// Adds an endpoint. Without any, the server listens on `udp://127.0.0.1:3000`.
    pub fn endpoint<E>(mut self, endpoint: E) -> Self
    where
        E: TryInto<Endpoint>,
        E::Error: Into<ParseEndpointError>,
    {
        match endpoint.try_into() {
            Ok(endpoint) => self.endpoints.push(endpoint),
            Err(error) => self.malformed = self.malformed.or(Some(error.into())),
        }
        self
    }

    /// Adds several endpoints.
    pub fn endpoints<E>(self, endpoints: impl IntoIterator<Item = E>) -> Self
    where
        E: TryInto<Endpoint>,
        E::Error: Into<ParseEndpointError>,
    {
        endpoints.into_iter().fold(self, Self::endpoint)
    }

    /// How sockets are bound.
    pub fn bind_options(mut self, options: BindOptions) -> Self {
        self.bind = options;
        self
    }

    /// How datagrams are answered.
    pub fn datagram_options(mut self, options: DatagramOptions) -> Self {
        self.datagrams = options;
        self
    }

    /// The limits on connections.
    pub fn stream_limits(mut self, limits: StreamLimits) -> Self {
        self.streams = limits;
        self
    }

    /// The protection against abuse.
    pub fn guard_options(mut self, options: GuardOptions) -> Self {
        self.guard = options;
        self
    }

    /// Keeps a table of about this many of the most recent peers of each endpoint, for each of its
    /// workers; 0, the default, for none. A peer takes less than a kilobyte.
    pub fn max_peers(mut self, max: usize) -> Self {
        self.max_peers = max;
        self
    }

    /// Binds every endpoint and starts answering. If one cannot be bound, none is served.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind) and of [`BoundServer::start`].
    pub fn start(self) -> Result<Server> {
        self.bind()?.start()
    }

    /// Binds every endpoint without answering yet: after this, drop the privileges that only
    /// binding needs.
    ///
    /// # Errors
    /// [`Error::Endpoint`] for a text that is not an endpoint, and the errors of [`bind()`].
    pub fn bind(mut self) -> Result<BoundServer> {
        if let Some(error) = self.malformed {
            return Err(error.into());
        }
        if self.datagrams.impairment.is_some() {
            self.bind.workers = 1;
            self.bind.inherited_workers = 1;
        }
        let sockets = self.bind_all()?;
        let is_datagram =
            |socket: &BoundSocket| socket.description().socket_type == SocketType::Datagram;
        if self.datagrams.impairment.is_some() && !sockets.iter().any(is_datagram) {
            return Err(Error::NothingToImpair);
        }
        // The guard reads the addresses of this machine now, before a sandbox forbids it.
        Ok(BoundServer {
            guard: Guard::new(&self.guard, sockets.iter().map(BoundSocket::description)),
            sockets,
            stream_threads: std::thread::available_parallelism().map_or(1, usize::from),
            datagrams: self.datagrams,
            streams: self.streams,
            max_peers: self.max_peers,
        })
    }

    fn bind_all(&self) -> Result<Vec<BoundSocket>> {
        let mut options = self.bind.clone();
        options.passed = open_ones(&options.passed);
        let default = [Endpoint::default()];
        let endpoints = match self.endpoints.as_slice() {
            [] => &default,
            some => some,
        };
        for endpoint in endpoints {
            if let Endpoint::Descriptor(number) = endpoint {
                check_open(*number)?;
            }
        }
        let mut sockets = Vec::new();
        let mut without_ipv6 = false;
        for endpoint in endpoints {
            let bound = bind(endpoint, &options)?;
            sockets.extend(bound.sockets);
            without_ipv6 |= bound.without_ipv6;
        }
        if without_ipv6 {
            tracing::warn!("this machine has no IPv6; an empty host is served over IPv4 only");
        }
        warn_unserved(&options.passed, &sockets);
        if sockets.is_empty() {
            return Err(Error::NothingToServe);
        }
        Ok(sockets)
    }
}

/// A socket that was passed is expected to be served.
fn warn_unserved(passed: &[RawFd], sockets: &[BoundSocket]) {
    for number in passed {
        let is_served = sockets.iter().any(|socket| {
            let description = socket.description();
            description.inherited && description.descriptor == *number
        });
        if !is_served {
            tracing::warn!(
                "descriptor {number} was passed on and is not served: its address is none of the \
                 endpoints given; give none, or fd:{number} too"
            );
        }
    }
}

impl Server {
    /// Starts with no endpoints and the defaults.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }
}
