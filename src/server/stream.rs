//! Listening sockets on tokio: accepting, the most connections, stopping.
//!
//! What happens on one connection is in [`super::connection`].

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{SockAddr, SockRef, Socket};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Connection;
use super::stats::{ConnectionDropCause, StreamCounters};
use super::{DRAIN_TIMEOUT, StreamLimits};
use crate::endpoint::{Endpoint, Family, SocketType};
use crate::socket::Description;
use crate::socket::address::Peer;
use crate::socket::call::traced;

/// How a server tells its listeners and connections to come to an end.
#[derive(Debug, Default)]
pub(super) struct Draining {
    begun: AtomicBool,
    pub(super) notify: Notify,
}

impl Draining {
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}

/// One endpoint's listener and what its connections share.
pub(super) struct Listener {
    kind: ListenerKind,
    endpoint: Endpoint,
    /// Somebody else made the socket, and may share it.
    inherited: bool,
    limits: StreamLimits,
    counters: Arc<StreamCounters>,
    draining: Arc<Draining>,
}

enum ListenerKind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection that the kernel has completed.
struct Accepted {
    stream: Stream,
    address: SockAddr,
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn descriptor(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Listener {
    /// Takes a bound and listening socket into the runtime that this is called in.
    pub(super) fn new(
        socket: Socket,
        description: &Description,
        limits: StreamLimits,
        counters: Arc<StreamCounters>,
        draining: Arc<Draining>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let descriptor = OwnedFd::from(socket);
        let kind = match description.family {
            Family::Inet | Family::Inet6 => {
                ListenerKind::Tcp(TcpListener::from_std(descriptor.into())?)
            }
            Family::Unix => ListenerKind::Unix(UnixListener::from_std(descriptor.into())?),
        };
        Ok(Self {
            kind,
            endpoint: description.endpoint.clone(),
            inherited: description.inherited,
            limits,
            counters,
            draining,
        })
    }

    /// Accepts until told to stop; then takes in what the kernel had accepted before, and waits
    /// for the connections to end.
    pub(super) async fn run(self) {
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(self.draining.notify.notified());
        stop.as_mut().enable();
        while !self.draining.has_begun() {
            tokio::select! {
                accepted = self.accept() => match accepted {
                    Ok(accepted) => self.serve(accepted, &mut connections),
                    Err(error) => self.pause_after(&error).await,
                },
                Some(_) = connections.join_next() => {}
                () = stop.as_mut() => break,
            }
        }
        // Those that wait at a shared socket are left to whoever serves it next: one whose text is
        // still on its way would be closed here without an answer.
        if !self.inherited {
            loop {
                match self.accept_now() {
                    Ok(accepted) => self.serve(accepted, &mut connections),
                    Err(error) if is_about_one_connection(&error) => {}
                    Err(_) => break,
                }
            }
        }
        // Whoever connects from now on is refused.
        drop(self.kind);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN_TIMEOUT, all_ended).await.is_err() {
            // Each counts itself as it is dropped.
            connections.shutdown().await;
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        let (descriptor, result) = match &self.kind {
            ListenerKind::Tcp(listener) => {
                let result = listener.accept().await;
                let accepted = |(stream, address): (TcpStream, SocketAddr)| {
                    // Without it a small answer waits for the peer's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    Ok((Stream::Tcp(stream), address.into()))
                };
                (listener.as_raw_fd(), result.and_then(accepted))
            }
            ListenerKind::Unix(listener) => {
                let result = listener.accept().await;
                let accepted = |(stream, address): (UnixStream, unix::SocketAddr)| {
                    let path = address.as_pathname().unwrap_or(Path::new(""));
                    Ok((Stream::Unix(stream), SockAddr::unix(path)?))
                };
                (listener.as_raw_fd(), result.and_then(accepted))
            }
        };
        let call = format_args!("accept({descriptor})");
        let (stream, address) = traced(call, result, |(stream, address)| {
            format!(
                "{} from {}",
                stream.descriptor(),
                Peer(address, SocketType::Stream)
            )
        })?;
        Ok(Accepted { stream, address })
    }

    /// Asks the kernel itself: the runtime may not know yet that a connection is there.
    fn accept_now(&self) -> io::Result<Accepted> {
        let (socket, address) = match &self.kind {
            ListenerKind::Tcp(listener) => SockRef::from(listener).accept()?,
            ListenerKind::Unix(listener) => SockRef::from(listener).accept()?,
        };
        socket.set_nonblocking(true)?;
        let stream = match &self.kind {
            ListenerKind::Tcp(_) => {
                socket.set_tcp_nodelay(true)?;
                Stream::Tcp(TcpStream::from_std(socket.into())?)
            }
            ListenerKind::Unix(_) => Stream::Unix(UnixStream::from_std(socket.into())?),
        };
        Ok(Accepted { stream, address })
    }

    fn serve(&self, Accepted { stream, address }: Accepted, connections: &mut JoinSet<()>) {
        let peer = Peer(&address, SocketType::Stream);
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        if self.counters.read().open() > self.limits.max_connections as u64 {
            tracing::debug!("{}: {peer} is one connection too many", self.endpoint);
            self.counters
                .count_drop(ConnectionDropCause::TooManyConnections);
            return;
        }
        // The name is for the log alone; without one, a connection need not keep it.
        let name = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| format!("{}: {peer}", self.endpoint).into_boxed_str());
        let counters = self.counters.clone();
        let (draining, idle_timeout) = (self.draining.clone(), self.limits.idle_timeout);
        match stream {
            Stream::Tcp(stream) => connections
                .spawn(Connection::new(stream, name, counters).run(draining, idle_timeout)),
            Stream::Unix(stream) => connections
                .spawn(Connection::new(stream, name, counters).run(draining, idle_timeout)),
        };
    }

    /// A connection that went away before it was accepted is its own affair; without descriptors
    /// or memory, trying again at once would only take a processor.
    async fn pause_after(&self, error: &io::Error) {
        if is_about_one_connection(error) {
            return;
        }
        tracing::warn!(
            "{}: accepting failed: {}",
            self.endpoint,
            crate::error::plain(error)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The next connection may be accepted at once: Linux hands the network errors of a connection
/// that waits to whoever accepts it (accept(2)).
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::EINTR
                | libc::EPERM
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
                | libc::EOPNOTSUPP
                | libc::ETIMEDOUT
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{BindOptions, bind};

    /// What a server that is told to stop at once does with a connection that waits.
    fn accepted_at_the_end(inherited: bool) -> u64 {
        let endpoint = "tcp://127.0.0.1:0".parse().unwrap();
        let bound = bind(&endpoint, &BindOptions::default());
        let mut bound = bound.unwrap().sockets.remove(0);
        bound.description.inherited = inherited;
        let address = bound.socket.local_addr().unwrap().as_socket().unwrap();
        let _waiting = std::net::TcpStream::connect(address).unwrap();
        let counters = Arc::new(StreamCounters::default());
        let draining = Arc::new(Draining::default());
        draining.begin();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let limits = StreamLimits::default();
            let description = &bound.description;
            let listener = Listener::new(
                bound.socket,
                description,
                limits,
                counters.clone(),
                draining,
            );
            listener.unwrap().run().await;
        });
        counters.read().accepted
    }

    #[test]
    fn who_waits_at_a_listener_is_left_to_the_next_server_where_there_can_be_one() {
        assert_eq!(accepted_at_the_end(false), 1);
        assert_eq!(accepted_at_the_end(true), 0);
    }
}
