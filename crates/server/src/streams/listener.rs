//! A listening socket: accepts connections, unless there are too many or no descriptors.
//!
//! Which peers the whole server admits is in [`super::admission`], what follows a failed accept in
//! [`super::accept_failure`].

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bullhorn_socket::{Address, Socket};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::accept_failure::Failures;
use super::admission::{Admission, Admitted};
use super::connection::{Connection, SEND_QUEUE};
use super::connection_counters::ConnectionCounters;
use super::stream_socket::StreamSocket;
use crate::log_throttle::LogThrottle;
use crate::peers::StreamPeers;
use crate::stats::{ConnectionDropCause, StreamCounters};
use bullhorn_socket::Description;
use bullhorn_socket::Peer;
use bullhorn_socket::PollSet;
use bullhorn_socket::call::traced;
use bullhorn_socket::endpoint::{Endpoint, Family, Protocol, SocketType};
use bullhorn_socket::error::explain_accept;

/// The most connections accepted in one turn, after which those that are open have theirs.
const MAX_ACCEPTS: usize = 64;

/// The most connections taken from the kernel when a server stops: more than its queue holds, unless
/// net.core.somaxconn (4096 by default) has been raised.
const MAX_LAST_ACCEPTS: usize = 8192;

/// A bound and listening socket, and where its connections are counted.
pub(crate) struct Listening {
    pub(crate) socket: Socket,
    pub(crate) description: Description,
    pub(crate) counters: Arc<StreamCounters>,
    pub(crate) peers: Option<StreamPeers>,
}

/// One endpoint's listener.
pub(super) struct Listener {
    socket: Socket,
    family: Family,
    socket_type: SocketType,
    endpoint: Endpoint,
    /// Another program made the socket, and may share it.
    is_inherited: bool,
    max_connections: usize,
    admission: Arc<Admission>,
    counters: Arc<StreamCounters>,
    peers: Option<StreamPeers>,
    /// Connections may wait to be accepted: the kernel reports the first, and then none until the
    /// queue was found empty.
    is_ready: bool,
    failures: Failures,
    /// While accepting would fail.
    paused_until: Option<Instant>,
    failure_warning: LogThrottle,
    rejection_warning: LogThrottle,
}

impl Listener {
    pub(super) fn new(
        Listening {
            socket,
            description,
            counters,
            peers,
        }: Listening,
        max_connections: usize,
        admission: Arc<Admission>,
    ) -> io::Result<Self> {
        // Another process may accept what was waiting a moment ago.
        socket.set_nonblocking(true)?;
        // Inherited by TCP connections. Urgent data is answered like all other bytes, where without
        // it the kernel would keep a byte back (tcp(7)).
        let _ = socket.set_out_of_band_inline(true);
        if description.family != Family::Unix {
            // Inherited by TCP connections. Without it they take more memory.
            let _ = socket.set_tcp_notsent_lowat(SEND_QUEUE);
        }
        Ok(Self {
            socket,
            family: description.family,
            socket_type: description.socket_type,
            endpoint: description.endpoint,
            is_inherited: description.inherited,
            max_connections,
            admission,
            counters,
            peers,
            is_ready: false,
            failures: Failures::default(),
            paused_until: None,
            failure_warning: LogThrottle::default(),
            rejection_warning: LogThrottle::default(),
        })
    }

    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let descriptor = self.socket.as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
    }

    /// Closing alone would leave it registered for as long as another process has a copy.
    pub(super) fn deregister(&self, registry: &Registry) {
        let descriptor = self.socket.as_raw_fd();
        let _ = registry.deregister(&mut SourceFd(&descriptor));
    }

    /// The kernel reports that a connection waits.
    pub(super) fn note_event(&mut self) {
        self.is_ready = true;
    }

    /// When it can accept without an event; `None` when it cannot.
    pub(super) fn accepts_at(&self, now: Instant) -> Option<Instant> {
        self.is_ready.then(|| self.paused_until.unwrap_or(now))
    }

    /// A connection has closed, which may free the missing descriptor.
    pub(super) fn end_pause(&mut self) {
        self.paused_until = None;
    }

    /// Accepts what waits, and hands each connection that is admitted to `serve`. `true` when a pause
    /// has begun.
    pub(super) fn take_turn(&mut self, mut serve: impl FnMut(Connection)) -> bool {
        if !self.is_ready
            || self
                .paused_until
                .is_some_and(|until| Instant::now() < until)
        {
            return false;
        }
        self.paused_until = None;
        for _ in 0..MAX_ACCEPTS {
            match self.check_descriptors().and_then(|()| self.accept()) {
                Ok(connection) => connection.into_iter().for_each(&mut serve),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_ready = false;
                    return false;
                }
                Err(error) => self.note_failure(&error),
            }
            if self.paused_until.is_some() {
                return true;
            }
        }
        false
    }

    /// Accepts what the kernel has completed when the server stops, and what comes meanwhile, though
    /// not forever. Connections at an inherited socket are left to the server that takes it over: one
    /// whose text is still on its way would be closed here without an answer.
    pub(super) fn accept_last(&mut self, mut serve: impl FnMut(Connection)) {
        if self.is_inherited {
            return;
        }
        self.paused_until = None;
        for _ in 0..MAX_LAST_ACCEPTS {
            match self.accept() {
                Ok(connection) => connection.into_iter().for_each(&mut serve),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.note_failure(&error),
            }
            if self.paused_until.is_some() {
                return;
            }
        }
    }

    /// Fails as accept(2) would once connections have all the descriptors that they may have and one
    /// more waits.
    fn check_descriptors(&self) -> io::Result<()> {
        if self.admission.has_descriptor() {
            return Ok(());
        }
        let mut waiting = PollSet::default();
        let index = waiting.add(self.socket.as_fd(), true, false);
        waiting.wait(Some(Duration::ZERO))?;
        Err(match waiting.ready(index).to_read {
            true => io::Error::from_raw_os_error(libc::EMFILE),
            false => io::ErrorKind::WouldBlock.into(),
        })
    }

    /// The next connection, or `None` for one that is rejected.
    fn accept(&mut self) -> io::Result<Option<Connection>> {
        let (socket, address) = match self.socket.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            result => self.traced(result)?,
        };
        socket.set_nonblocking(true)?;
        if self.family == Family::Unix {
            // Not inherited, unlike that of TCP.
            let _ = socket.set_out_of_band_inline(true);
        } else {
            // Without it a small answer waits for the peer's delayed acknowledgement. It fails where
            // the peer has reset the connection, which the first read reports.
            let _ = socket.set_tcp_nodelay(true);
        }
        if self.endpoint.protocol() == Protocol::Mptcp && !socket.is_mptcp() {
            self.counters.without_mptcp.fetch_add(1, Ordering::Relaxed);
        }
        self.failures.forget();
        let counters = self.count_accepted(&address);
        if self.socket_type == SocketType::SeqPacket {
            // Without it an empty message is the same as the end of the connection.
            let _ = socket.mark_messages();
        }
        let peer = Peer(&address, self.socket_type);
        let admitted = match self.admit(&address) {
            Ok(admitted) => admitted,
            Err(cause) => {
                counters.count_drop(cause);
                self.warn_of_rejection(&peer, cause);
                return Ok(None);
            }
        };
        // Only the log needs the name; without one, a connection takes less memory.
        let name = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| format!("{}: {peer}", self.endpoint).into_boxed_str());
        let socket = StreamSocket::new(socket, self.family, self.socket_type);
        Ok(Some(Connection::new(socket, admitted, name, counters)))
    }

    fn traced(&self, result: io::Result<(Socket, Address)>) -> io::Result<(Socket, Address)> {
        let call = format_args!("accept4({})", self.socket.as_raw_fd());
        traced(call, result, |(socket, address)| {
            let peer = Peer(address, self.socket_type);
            format!("{} from {peer}", socket.as_raw_fd())
        })
    }

    fn admit(&self, address: &Address) -> Result<Admitted, ConnectionDropCause> {
        let admitted = self.admission.admit(address)?;
        if self.counters.read().open() > self.max_connections as u64 {
            return Err(ConnectionDropCause::TooManyConnections);
        }
        Ok(admitted)
    }

    fn count_accepted(&self, address: &Address) -> ConnectionCounters {
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let peer = self.peers.as_ref().map(|peers| peers.connected(address));
        ConnectionCounters::new(self.counters.clone(), peer)
    }

    fn warn_of_rejection(&mut self, peer: &Peer<'_>, cause: ConnectionDropCause) {
        let (endpoint, cause) = (&self.endpoint, cause.name().replace('_', " "));
        match self.rejection_warning.note() {
            Some(times) => {
                tracing::warn!("{endpoint}: rejected connection from {peer}: {cause}{times}");
            }
            None => tracing::debug!("{endpoint}: rejected connection from {peer}: {cause}"),
        }
    }

    fn note_failure(&mut self, error: &io::Error) {
        self.counters
            .accept_failures
            .fetch_add(1, Ordering::Relaxed);
        let pause = self.failures.pause_after(error);
        self.paused_until = pause.map(|pause| Instant::now() + pause);
        if let Some(times) = self.failure_warning.note() {
            let (endpoint, why) = (&self.endpoint, explain_accept(error));
            tracing::warn!("{endpoint}: accepting failed: {why}{times}");
        }
    }
}

#[cfg(test)]
impl Listener {
    /// Leaves `max` descriptors to connections.
    pub(super) fn limit_descriptors(&self, max: usize) {
        self.admission.limit_descriptors(max);
    }

    pub(super) fn pause_for(&mut self, pause: Duration) {
        self.paused_until = Some(Instant::now() + pause);
    }
}
