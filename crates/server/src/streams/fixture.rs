//! Peers and their connections, for tests of the stream engine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bullhorn_socket::Socket;
use socket2::SockRef;

use super::admission::Admission;
use super::connection::Connection;
use super::connection_counters::ConnectionCounters;
use super::stream_socket::StreamSocket;
use crate::guard::Guard;
use crate::stats::StreamCounters;
use crate::{GuardOptions, StreamLimits};
use bullhorn_socket::endpoint::{Family, SocketType};

/// Longer than anything here takes; a test that waits this long has failed.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn guard() -> Arc<Guard> {
    Arc::new(Guard::new(&GuardOptions::default(), std::iter::empty()))
}

fn connection(socket: Socket, family: Family, counters: &Arc<StreamCounters>) -> Connection {
    socket.set_nonblocking(true).unwrap();
    socket.set_out_of_band_inline(true).ok();
    let admission = Arc::new(Admission::new(&StreamLimits::default(), guard()));
    let admitted = admission.admit(&socket.local_addr().unwrap()).unwrap();
    counters.accepted.fetch_add(1, Ordering::Relaxed);
    let socket = StreamSocket::new(socket, family, SocketType::Stream);
    let counters = ConnectionCounters::new(counters.clone(), None);
    Connection::new(socket, admitted, None, counters)
}

/// A peer that does not block, and its connection to the server.
pub(super) fn over_unix(counters: &Arc<StreamCounters>) -> (UnixStream, Connection) {
    let (peer, ours) = UnixStream::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    // However many turns follow each other, the server can answer less than the peer has sent.
    SockRef::from(&peer).set_send_buffer_size(1 << 20).unwrap();
    let ours = Socket::from(std::os::fd::OwnedFd::from(ours));
    ours.set_send_buffer_size(1 << 16).unwrap();
    (peer, connection(ours, Family::Unix, counters))
}

/// The same over TCP, with a peer that blocks.
pub(super) fn over_tcp(counters: &Arc<StreamCounters>) -> (TcpStream, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    peer.set_read_timeout(Some(TIMEOUT)).unwrap();
    let (ours, _) = listener.accept().unwrap();
    (
        peer,
        connection(OwnedFd::from(ours).into(), Family::Inet, counters),
    )
}

/// Writes as much as the kernel takes.
pub(super) fn fill(mut peer: &UnixStream) -> usize {
    let mut total = 0;
    while let Ok(length) = peer.write(&[b'a'; 1 << 16]) {
        total += length;
    }
    total
}

/// Reads every answer that has arrived.
pub(super) fn drain(mut peer: &UnixStream) -> usize {
    let mut total = 0;
    let mut buffer = [0; 1 << 16];
    while let Ok(length) = peer.read(&mut buffer)
        && length > 0
    {
        total += length;
    }
    total
}
