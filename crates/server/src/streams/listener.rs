//! Listening sockets on tokio: accepting, the most connections, stopping.
//!
//! Who serves the connections is in [`super::event_loop`], who is let in by the whole server in
//! [`super::admission`], what becomes of a failed accept in [`super::accept_failure`].

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use super::accept_failure::Failures;
use super::admission::{Admission, Admitted};
use super::connection::{Connection, SEND_QUEUE};
use super::draining::Draining;
use super::event_loop::EventLoops;
use crate::seldom::Seldom;
use crate::stats::{ConnectionDropCause, StreamCounters};
use bullhorn_socket::Description;
use bullhorn_socket::address::Peer;
use bullhorn_socket::call::traced;
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};
use bullhorn_socket::error::explain_accept;
use bullhorn_socket::sys::{PollSet, register_readable};

/// The most connections that are taken from the kernel when a server stops: more than its queue holds,
/// unless somebody has raised net.core.somaxconn (4096 by itself).
const MAX_LAST_CONNECTIONS: usize = 8192;

/// One endpoint's listener and what its connections share.
pub(crate) struct Listener {
    socket: AsyncFd<Socket>,
    family: Family,
    endpoint: Endpoint,
    /// Somebody else made the socket, and may share it.
    inherited: bool,
    max_connections: usize,
    event_loops: EventLoops,
    admission: Arc<Admission>,
    counters: Arc<StreamCounters>,
    draining: Arc<Draining>,
    failures: Failures,
    /// While accepting is of no use.
    paused_until: Option<Instant>,
    failure_warning: Seldom,
    refusal_warning: Seldom,
}

/// A connection that the kernel has completed.
struct Accepted {
    socket: Socket,
    address: SockAddr,
}

impl Listener {
    /// Takes a bound and listening socket into the runtime that this is called in.
    pub(crate) fn new(
        socket: Socket,
        description: &Description,
        max_connections: usize,
        event_loops: EventLoops,
        admission: Arc<Admission>,
        counters: Arc<StreamCounters>,
        draining: Arc<Draining>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Inherited by TCP connections. Urgent data is answered like all other bytes, where without
        // it the kernel would keep a byte back (tcp(7)).
        let _ = socket.set_out_of_band_inline(true);
        if description.family != Family::Unix {
            // Inherited by what is accepted. Without it only memory is less well kept.
            let _ = socket.set_tcp_notsent_lowat(SEND_QUEUE);
        }
        Ok(Self {
            socket: register_readable(socket)?,
            family: description.family,
            endpoint: description.endpoint.clone(),
            inherited: description.inherited,
            max_connections,
            event_loops,
            admission,
            counters,
            draining,
            failures: Failures::default(),
            paused_until: None,
            failure_warning: Seldom::default(),
            refusal_warning: Seldom::default(),
        })
    }

    /// Accepts until told to stop, and then takes in what the kernel had accepted before.
    pub(crate) async fn run(mut self) {
        let draining = self.draining.clone();
        let mut stop = std::pin::pin!(draining.notify.notified());
        stop.as_mut().enable();
        while !draining.has_begun() {
            tokio::select! {
                accepted = self.accept() => match accepted {
                    Ok(accepted) => self.serve(accepted),
                    Err(error) => self.note_failure(&error),
                },
                () = stop.as_mut() => break,
            }
        }
        // Those that wait at a shared socket are left to whoever serves it next: one whose text is
        // still on its way would be closed here without an answer.
        if !self.inherited {
            self.take_in_the_last();
        }
        // Dropped with its socket: whoever connects from now on is refused.
    }

    /// The next connection, after the pause if there is one.
    async fn accept(&self) -> io::Result<Accepted> {
        if let Some(end) = self.paused_until {
            // A connection that ends leaves its descriptor, which may be what was missing.
            let _ = timeout_at(end, self.event_loops.departure()).await;
        }
        self.descriptor().await?;
        let result = self
            .socket
            .async_io(Interest::READABLE, Socket::accept)
            .await;
        self.traced_accept(result)
    }

    /// Fails as accept(2) would once connections have all the descriptors that are theirs and one
    /// more waits.
    async fn descriptor(&self) -> io::Result<()> {
        while !self.admission.has_descriptor() {
            let mut ready = self.socket.readable().await?;
            let mut waiting = PollSet::default();
            let listener = waiting.add(self.socket.as_fd(), true, false);
            waiting.wait(Some(Duration::ZERO))?;
            if waiting.ready(listener).to_read {
                return Err(io::Error::from_raw_os_error(libc::EMFILE));
            }
            ready.clear_ready();
        }
        Ok(())
    }

    /// Asks the kernel itself: the runtime may not know yet that a connection is there. Those that come
    /// meanwhile are taken too, but not for ever.
    fn take_in_the_last(&mut self) {
        for _ in 0..MAX_LAST_CONNECTIONS {
            match self.socket.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                result => match self.traced_accept(result) {
                    Ok(accepted) => self.serve(accepted),
                    Err(error) => {
                        self.note_failure(&error);
                        if self.paused_until.is_some() {
                            return;
                        }
                    }
                },
            }
        }
    }

    fn traced_accept(&self, result: io::Result<(Socket, SockAddr)>) -> io::Result<Accepted> {
        let call = format_args!("accept({})", self.socket.as_raw_fd());
        let (socket, address) = traced(call, result, |(socket, address)| {
            format!(
                "{} from {}",
                socket.as_raw_fd(),
                Peer(address, SocketType::Stream)
            )
        })?;
        socket.set_nonblocking(true)?;
        if self.family == Family::Unix {
            // As for TCP (`new`); here it is not inherited.
            let _ = socket.set_out_of_band_inline(true);
        } else {
            // Without it a small answer waits for the peer's delayed acknowledgement. A peer that has
            // reset the connection makes it fail, and the first read will tell.
            let _ = socket.set_tcp_nodelay(true);
        }
        Ok(Accepted { socket, address })
    }

    fn serve(&mut self, Accepted { socket, address }: Accepted) {
        let peer = Peer(&address, SocketType::Stream);
        self.failures.forget();
        self.paused_until = None;
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        let admitted = match self.admit(&address) {
            Ok(admitted) => admitted,
            Err(cause) => return self.refuse(&peer, cause),
        };
        // The name is for the log alone; without one, a connection need not keep it.
        let name = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| format!("{}: {peer}", self.endpoint).into_boxed_str());
        let counters = self.counters.clone();
        self.event_loops
            .serve(Connection::new(socket, admitted, name, counters));
    }

    fn admit(&self, address: &SockAddr) -> Result<Admitted, ConnectionDropCause> {
        let admitted = self.admission.admit(address)?;
        if self.counters.read().open() > self.max_connections as u64 {
            return Err(ConnectionDropCause::TooManyConnections);
        }
        Ok(admitted)
    }

    fn refuse(&mut self, peer: &Peer<'_>, cause: ConnectionDropCause) {
        self.counters.count_drop(cause);
        let (endpoint, cause) = (&self.endpoint, cause.name());
        match self.refusal_warning.again() {
            Some(times) => tracing::warn!("{endpoint}: {peer} is not let in: {cause}{times}"),
            None => tracing::debug!("{endpoint}: {peer} is not let in: {cause}"),
        }
    }

    fn note_failure(&mut self, error: &io::Error) {
        self.counters
            .accept_failures
            .fetch_add(1, Ordering::Relaxed);
        let pause = self.failures.pause_after(error);
        self.paused_until = pause.map(|pause| Instant::now() + pause);
        if let Some(times) = self.failure_warning.again() {
            let (endpoint, why) = (&self.endpoint, explain_accept(error));
            tracing::warn!("{endpoint}: accepting failed: {why}{times}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::deadlines::Deadlines;
    use super::*;
    use crate::guard::Guard;
    use crate::{GuardOptions, StreamLimits};
    use bullhorn_socket::{BindOptions, bind};

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
        let limits = StreamLimits::default();
        let guard = Guard::new(&GuardOptions::default(), std::iter::empty());
        let admission = Arc::new(Admission::new(&limits, Arc::new(guard)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let deadlines = Deadlines::new(&limits);
            let (event_loops, all) = EventLoops::new(1, deadlines, &draining).unwrap();
            let listener = Listener::new(
                bound.socket,
                &bound.description,
                limits.max_connections,
                event_loops,
                admission,
                counters.clone(),
                draining,
            );
            listener.unwrap().run().await;
            for event_loop in all {
                event_loop.run().await;
            }
        });
        counters.read().accepted
    }

    #[test]
    fn who_waits_at_a_listener_is_left_to_the_next_server_where_there_can_be_one() {
        assert_eq!(accepted_at_the_end(false), 1);
        assert_eq!(accepted_at_the_end(true), 0);
    }
}
