//! `serve --metrics`: a small HTTP server for whoever watches the service. It runs on the runtime
//! that waits for signals, beside the service and not within it.
//!
//! Clients that are slow, silent or many are bounded, each by its time and all by their places, so
//! that they can neither exhaust the process nor keep others out. How a connection is accepted and
//! served is in `listener`, which of them get a place in `places`, by what `arrival` sees; what is
//! answered is in `answer`, to which hosts in `host`, which format in `accept`, what is told of the
//! process in `process`.

mod accept;
mod answer;
mod arrival;
mod host;
mod listener;
mod places;
mod process;

use std::io;
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use self::answer::Source;
use self::listener::Listener;
use self::places::Places;
use self::process::ProcessFiles;
use super::failure::Failure;
use bullhorn_server::Monitor;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::unix_file::UnixFile;
use bullhorn_socket::{BindOptions, BoundSocket, Description, bind};

/// Sockets on which nobody answers yet, and the files that have to be opened as early.
pub(super) struct Bound {
    sockets: Vec<BoundSocket>,
    process: ProcessFiles,
}

impl Bound {
    pub(super) fn new(endpoint: &Endpoint, unix_mode: Option<u32>) -> Result<Self, Failure> {
        let options = BindOptions {
            unix_mode,
            ..BindOptions::default()
        };
        let sockets = bind(endpoint, &options)?.sockets;
        let is_stream =
            |socket: &BoundSocket| socket.description().socket_type == SocketType::Stream;
        if !sockets.iter().all(is_stream) {
            let reason = format!("--metrics {endpoint}: HTTP needs a stream socket");
            return Err(Failure::Usage(reason));
        }
        Ok(Self {
            sockets,
            process: ProcessFiles::open(),
        })
    }

    pub(super) fn sockets(&self) -> &[BoundSocket] {
        &self.sockets
    }

    /// Answers from now on, on the runtime that this is called in, at most `max_connections` at once.
    pub(super) fn serve(self, monitor: Monitor, max_connections: usize) -> io::Result<Served> {
        let source = Arc::new(Source {
            monitor,
            process: self.process,
        });
        let places = Arc::new(Mutex::new(Places::new(max_connections)));
        let mut served = Served {
            sockets: Vec::new(),
            listeners: JoinSet::new(),
            _files: Vec::new(),
        };
        for bound in self.sockets {
            let listener = Listener::new(
                bound.socket,
                &bound.description,
                source.clone(),
                places.clone(),
            )?;
            served.listeners.spawn(listener.run());
            served.sockets.push(bound.description);
            served._files.extend(bound.file);
        }
        Ok(served)
    }
}

/// What is served. The files of Unix sockets go when it does.
pub(super) struct Served {
    pub(super) sockets: Vec<Description>,
    listeners: JoinSet<()>,
    _files: Vec<UnixFile>,
}

impl Served {
    /// Waits until a listener has ended, which only a panic does.
    pub(super) async fn failure(&mut self) {
        if self.listeners.join_next().await.is_none() {
            std::future::pending().await
        }
    }
}
