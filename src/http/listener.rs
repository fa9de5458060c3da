//! A socket on which HTTP is served: accepting, and starting a task for each connection that gets a
//! slot.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use bullhorn_socket::Socket;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::sleep;

use super::connection::Connection;
use super::host;
use super::peer::{Peer, RequestState};
use super::slots::Slots;
use bullhorn_server::accept_failure::Failures;

/// How long the kernel holds back a TCP connection without a request (TCP_DEFER_ACCEPT, tcp(7)). A
/// client that sends its request within this time is accepted together with it, and needs no slot
/// to wait in.
const DEFER_ACCEPT: Duration = Duration::from_secs(1);

/// A listening socket, its routes, and the slots that it shares with the others.
pub(super) struct Listener {
    socket: ListeningSocket,
    router: Router,
    slots: Arc<Mutex<Slots<Connection>>>,
}

enum ListeningSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Registers a bound and listening socket with the current runtime.
    pub(super) fn new(
        socket: Socket,
        router: &Router,
        slots: Arc<Mutex<Slots<Connection>>>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?.as_socket();
        if address.is_some() {
            // Without it a silent flood from a client's own address would be harder on that client.
            let seconds = DEFER_ACCEPT.as_secs() as i32;
            let _ = socket.set_tcp_defer_accept(seconds);
        }
        let descriptor = OwnedFd::from(socket);
        let socket = match address {
            Some(_) => ListeningSocket::Tcp(TcpListener::from_std(descriptor.into())?),
            None => ListeningSocket::Unix(UnixListener::from_std(descriptor.into())?),
        };
        let is_loopback = address.is_some_and(|it| it.ip().to_canonical().is_loopback());
        let router = match is_loopback {
            true => host::only_loopback(router.clone()),
            false => router.clone(),
        };
        Ok(Self {
            socket,
            router,
            slots,
        })
    }

    /// Accepts until the runtime ends.
    pub(super) async fn run(self) {
        match &self.socket {
            ListeningSocket::Tcp(socket) => {
                let accept = |context: &mut Context<'_>| {
                    let accepted = socket.poll_accept(context);
                    accepted.map_ok(|(stream, address)| (stream, Peer::of_address(address.ip())))
                };
                self.accept_all(accept).await;
            }
            ListeningSocket::Unix(socket) => {
                let accept = |context: &mut Context<'_>| {
                    let accepted = socket.poll_accept(context);
                    accepted.map_ok(|(stream, _)| {
                        let peer = Peer::User(stream.peer_cred().ok().map(|peer| peer.uid()));
                        (stream, peer)
                    })
                };
                self.accept_all(accept).await;
            }
        }
    }

    async fn accept_all<S>(&self, accept: impl Fn(&mut Context<'_>) -> Poll<io::Result<(S, Peer)>>)
    where
        S: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static,
    {
        let mut failures = Failures::default();
        loop {
            match std::future::poll_fn(&accept).await {
                Ok((stream, peer)) => {
                    failures.forget();
                    self.admit(stream, peer);
                }
                Err(error) => {
                    if let Some(pause) = failures.pause_after(&error) {
                        sleep(pause).await;
                    }
                }
            }
        }
    }

    fn admit<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static,
    {
        let state = RequestState::peek(&stream);
        if state == RequestState::Closed {
            return;
        }
        let has_request = state == RequestState::Complete;
        let now = Instant::now();
        // No operation under the lock can panic and leave the slots inconsistent.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.make_room(peer, has_request, now) {
            let connection = Connection::start(stream, self.router.clone(), has_request);
            slots.insert(connection, peer, now);
        }
    }
}
