//! `serve --metrics`: a small HTTP server for whoever watches the service. It runs on the runtime
//! that waits for signals, beside the service and not within it.
//!
//! Clients that are slow, silent or many are bounded, each by its time and all by their number, so
//! that they can neither exhaust the process nor keep others out: the oldest connection gives way
//! to a new one. What is answered is in `answer`, which format in `accept`, what is told of the
//! process in `process`.

mod accept;
mod answer;
mod process;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use self::answer::Source;
use self::process::ProcessFiles;
use super::Failure;
use crate::endpoint::{Endpoint, Family, SocketType};
use crate::error::Error;
use crate::server::Monitor;
use crate::socket::unix_file::UnixFile;
use crate::socket::{BindOptions, BoundSocket, Description, bind};

/// The most connections open at once on one socket.
const MOST_CONNECTIONS: usize = 64;

/// How long one connection may take: to ask, and to take the answer.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// The most bytes that a request may have before its body, which nobody reads.
const REQUEST_SIZE: usize = 16 << 10;

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
            return Err(Error::Usage(reason).into());
        }
        Ok(Self {
            sockets,
            process: ProcessFiles::open(),
        })
    }

    pub(super) fn sockets(&self) -> &[BoundSocket] {
        &self.sockets
    }

    /// Answers from now on, on the runtime that this is called in.
    pub(super) fn serve(self, monitor: Monitor) -> io::Result<Served> {
        let source = Arc::new(Source {
            monitor,
            process: self.process,
        });
        let mut served = Served {
            sockets: Vec::new(),
            listeners: JoinSet::new(),
            _files: Vec::new(),
        };
        for bound in self.sockets {
            let listener = Listener::new(bound.socket, bound.description.family)?;
            served.listeners.spawn(listener.run(source.clone()));
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

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn new(socket: Socket, family: Family) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let descriptor = OwnedFd::from(socket);
        Ok(match family {
            Family::Unix => Self::Unix(UnixListener::from_std(descriptor.into())?),
            Family::Inet | Family::Inet6 => Self::Tcp(TcpListener::from_std(descriptor.into())?),
        })
    }

    async fn run(self, source: Arc<Source>) {
        let mut open: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let Ok(connection) = self.accept(&source).await else {
                // Without descriptors or memory, trying again at once would only take a processor.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= MOST_CONNECTIONS
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            open.push_back(connection);
        }
    }

    async fn accept(&self, source: &Arc<Source>) -> io::Result<AbortHandle> {
        let source = source.clone();
        let task = match self {
            Self::Tcp(listener) => tokio::spawn(serve(listener.accept().await?.0, source)),
            Self::Unix(listener) => tokio::spawn(serve(listener.accept().await?.0, source)),
        };
        Ok(task.abort_handle())
    }
}

/// One connection, for one request.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, source: Arc<Source>) {
    let answer = service_fn(async |request| Ok::<_, Infallible>(source.answer(&request)));
    let connection = http1::Builder::new()
        .keep_alive(false)
        // The time of the whole connection is bounded below.
        .header_read_timeout(None)
        .max_buf_size(REQUEST_SIZE)
        .serve_connection(TokioIo::new(stream), answer);
    // Whether it ends well is the client's affair.
    let _ = timeout(CONNECTION_TIME, connection).await;
}
