//! The HTTP server: its sockets are bound first, and served when the service is up.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::listener::Listener;
use super::process::ProcessFiles;
use super::routes::{Source, router};
use super::slots::Slots;
use bullhorn_socket::UnixFile;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::Error;
use bullhorn_socket::{BindOptions, BoundSocket, Description, bind};

/// Why no HTTP can be served at an endpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error(transparent)]
    Socket(#[from] Error),
    #[error("{0}: HTTP needs a stream socket")]
    NotAStream(Endpoint),
}

/// Bound sockets that are not served yet, and the files that must be opened before a sandbox.
#[must_use]
pub(crate) struct Bound {
    sockets: Vec<BoundSocket>,
    process: ProcessFiles,
}

impl Bound {
    pub(crate) fn bind(endpoint: &Endpoint, unix_mode: Option<u32>) -> Result<Self, BindError> {
        let mut options = BindOptions::default();
        options.unix_mode = unix_mode;
        let sockets = bind(endpoint, &options)?.sockets;
        let is_stream =
            |socket: &BoundSocket| socket.description().socket_type == SocketType::Stream;
        if !sockets.iter().all(is_stream) {
            return Err(BindError::NotAStream(endpoint.clone()));
        }
        Ok(Self {
            sockets,
            process: ProcessFiles::open(),
        })
    }

    pub(crate) fn sockets(&self) -> &[BoundSocket] {
        &self.sockets
    }

    /// Serves at most `max_connections` at once, on a separate thread. Calls `on_failure` if a
    /// listener ends, which only a panic can cause.
    pub(crate) fn start(
        self,
        server: &bullhorn_server::Server,
        max_connections: usize,
        on_failure: impl FnOnce() + Send + 'static,
    ) -> io::Result<Server> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_io()
            .enable_time()
            .build()?;
        let router = router(Arc::new(Source {
            monitor: server.monitor(),
            peers: server.peers(),
            process: self.process,
        }));
        let slots = Arc::new(Mutex::new(Slots::new(max_connections)));
        let mut listeners = JoinSet::new();
        let (mut descriptions, mut files) = (Vec::new(), Vec::new());
        {
            let _entered = runtime.enter();
            for bound in self.sockets {
                let listener = Listener::new(bound.socket, &router, slots.clone())?;
                listeners.spawn(listener.run());
                descriptions.push(bound.description);
                files.extend(bound.file);
            }
        }
        runtime.spawn(async move {
            listeners.join_next().await;
            on_failure();
        });
        Ok(Server {
            descriptions,
            _files: files,
            _runtime: runtime,
        })
    }
}

/// A running HTTP server. Dropping it closes its connections and sockets and removes its socket
/// files.
#[must_use]
pub(crate) struct Server {
    descriptions: Vec<Description>,
    _files: Vec<UnixFile>,
    _runtime: Runtime,
}

impl Server {
    /// The sockets that are served.
    pub(crate) fn sockets(&self) -> &[Description] {
        &self.descriptions
    }
}
