//! A socket on which HTTP is served: accepting, and one task for each connection.
//!
//! Which connections get a place is decided in `places`, by what `arrival` sees of them.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{SockAddr, Socket};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::answer::Source as Answers;
use super::arrival::{Arrival, Source};
use super::places::{Client, Places};
use bullhorn_server::accept_failure::Failures;
use bullhorn_socket::Description;
use bullhorn_socket::address::canonical;
use bullhorn_socket::endpoint::Family;
use bullhorn_socket::sys::{register_readable, set_option};

/// How long one connection may take: to ask, and to take the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that a request may have before its body, which nobody reads.
const MAX_REQUEST_SIZE: usize = 16 << 10;

/// How long the kernel keeps a TCP connection to itself that brings no request (TCP_DEFER_ACCEPT,
/// tcp(7)): whoever asks is then accepted with the request, and needs no place to wait in.
const DEFER_SECONDS: i32 = 1;

/// How many connections are accepted before those that are open have their turn.
const ACCEPTS_IN_A_ROW: usize = 64;

pub(super) struct Listener {
    socket: AsyncFd<Socket>,
    family: Family,
    /// Only local programs reach it, and the Host header is checked.
    is_loopback: bool,
    answers: Arc<Answers>,
    places: Arc<Mutex<Places<Connection>>>,
}

impl Listener {
    /// Takes a bound and listening socket into the runtime that this is called in.
    pub(super) fn new(
        socket: Socket,
        description: &Description,
        answers: Arc<Answers>,
        places: Arc<Mutex<Places<Connection>>>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let family = description.family;
        if family != Family::Unix {
            // Without it a silent flood from a client's own address is harder on that client.
            let (level, name) = (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT);
            let _ = set_option(&socket, level, name, DEFER_SECONDS);
        }
        let bound_to = socket.local_addr()?;
        Ok(Self {
            socket: register_readable(socket)?,
            family,
            is_loopback: canonical(&bound_to).is_some_and(|it| it.ip().is_loopback()),
            answers,
            places,
        })
    }

    /// Accepts for as long as the runtime runs.
    pub(super) async fn run(self) {
        let mut failures = Failures::default();
        while let Ok(mut ready) = self.socket.readable().await {
            let mut pause = None;
            for _ in 0..ACCEPTS_IN_A_ROW {
                match ready.get_inner().accept() {
                    Ok((socket, peer)) => {
                        failures.forget();
                        // A connection that cannot be served is its client's loss alone.
                        let _ = self.take_in(socket, &peer);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready.clear_ready();
                        break;
                    }
                    Err(error) => {
                        pause = failures.pause_after(&error);
                        break;
                    }
                }
            }
            drop(ready);
            match pause {
                Some(pause) => sleep(pause).await,
                None => yield_now().await,
            }
        }
    }

    fn take_in(&self, socket: Socket, peer: &SockAddr) -> io::Result<()> {
        let arrival = Arrival::of(&socket);
        if arrival == Arrival::Gone {
            return Ok(());
        }
        let (source, now) = (Source::of(&socket, peer), Instant::now());
        let has_asked = arrival == Arrival::HasAsked;
        // Nothing that is done under the lock can panic half-way.
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.make_room(source, has_asked, now) {
            let has_asked = Arc::new(AtomicBool::new(has_asked));
            let task = self.start(socket, has_asked.clone())?;
            places.take(Connection { task, has_asked }, source, now);
        }
        Ok(())
    }

    fn start(&self, socket: Socket, has_asked: Arc<AtomicBool>) -> io::Result<AbortHandle> {
        socket.set_nonblocking(true)?;
        let descriptor = OwnedFd::from(socket);
        let (answers, checks_host) = (self.answers.clone(), self.is_loopback);
        let task = if self.family == Family::Unix {
            let stream = UnixStream::from_std(descriptor.into())?;
            tokio::spawn(serve(stream, answers, checks_host, has_asked))
        } else {
            let stream = TcpStream::from_std(descriptor.into())?;
            tokio::spawn(serve(stream, answers, checks_host, has_asked))
        };
        Ok(task.abort_handle())
    }
}

/// One connection, for one request.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Arc<Answers>,
    checks_host: bool,
    has_asked: Arc<AtomicBool>,
) {
    let answer = service_fn(async |request| {
        has_asked.store(true, Ordering::Relaxed);
        Ok::<_, Infallible>(answers.answer(&request, checks_host))
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        // The time of the whole connection is bounded below.
        .header_read_timeout(None)
        .max_buf_size(MAX_REQUEST_SIZE)
        .serve_connection(TokioIo::new(stream), answer);
    // Whether it ends well is the client's affair.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}

/// A connection that is served.
#[derive(Debug)]
pub(super) struct Connection {
    task: AbortHandle,
    has_asked: Arc<AtomicBool>,
}

impl Client for Connection {
    fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    fn has_asked(&self) -> bool {
        self.has_asked.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.task.abort();
    }
}
