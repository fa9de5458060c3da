//! From wishes to bound sockets to a server that runs.

use std::os::fd::RawFd;

use super::guard::Guard;
use super::{DatagramOptions, GuardOptions, RunningServer, StreamLimits};
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::{Error, Result};
use bullhorn_socket::{BindOptions, BoundSocket, bind, inherit};

/// A server that is not started yet.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    endpoints: Vec<Endpoint>,
    bind: BindOptions,
    datagrams: DatagramOptions,
    streams: StreamLimits,
    guard: GuardOptions,
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

    /// What is done against abuse.
    #[must_use]
    pub fn guard_options(mut self, options: GuardOptions) -> Self {
        self.guard = options;
        self
    }

    /// Binds every endpoint and starts to answer. When one cannot be bound, none is served.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind) and of [`BoundServer::start`].
    pub fn start(self) -> Result<RunningServer> {
        self.bind()?.start()
    }

    /// Binds every endpoint, and answers nobody yet: the moment to give up what only binding needs.
    ///
    /// # Errors
    /// What [`bind()`] refuses.
    pub fn bind(mut self) -> Result<BoundServer> {
        if self.datagrams.impairment.is_some() {
            self.bind.workers = 1;
            self.bind.inherited_workers = 1;
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
        // All of this machine is asked now, while it may be.
        Ok(BoundServer {
            guard: Guard::new(&self.guard, sockets.iter().map(BoundSocket::description)),
            sockets,
            stream_threads: std::thread::available_parallelism().map_or(1, usize::from),
            datagrams: self.datagrams,
            streams: self.streams,
        })
    }

    fn bind_all(&self) -> Result<Vec<BoundSocket>> {
        let options = BindOptions {
            passed: inherit::open_ones(&self.bind.passed),
            ..self.bind.clone()
        };
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
            let bound = bind(endpoint, &options)?;
            sockets.extend(bound.sockets);
            without_ipv6 |= bound.without_ipv6;
        }
        if without_ipv6 {
            tracing::warn!("this machine has no IPv6; the empty host is served over IPv4 alone");
        }
        tell_unserved(&options.passed, &sockets);
        if sockets.is_empty() {
            return Err(Error::Usage("there is nothing to serve".to_owned()));
        }
        Ok(sockets)
    }
}

/// Whoever passed a socket on expects it to be served.
fn tell_unserved(passed: &[RawFd], sockets: &[BoundSocket]) {
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

/// Sockets that are bound and that nobody answers on yet. No thread is started.
#[derive(Debug)]
pub struct BoundServer {
    pub(super) sockets: Vec<BoundSocket>,
    pub(super) stream_threads: usize,
    pub(super) datagrams: DatagramOptions,
    pub(super) streams: StreamLimits,
    pub(super) guard: Guard,
}

impl BoundServer {
    /// The sockets, in the order given.
    pub fn sockets(&self) -> &[BoundSocket] {
        &self.sockets
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// [`Error::Socket`] when a thread cannot be started.
    pub fn start(self) -> Result<RunningServer> {
        RunningServer::start(self)
    }
}
