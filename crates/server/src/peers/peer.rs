//! One peer as it is read: plain numbers.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::time::Instant;

use crate::stats::{DropCause, StreamTotals};
use bullhorn_socket::Address;
use bullhorn_socket::endpoint::SocketType;

/// A source of requests to one endpoint: an IP address regardless of port, or the name of a Unix
/// socket. Unix sockets without a name are one peer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Its address, with port 0.
    pub address: Address,
    /// When it last sent something, or took an answer over a connection.
    pub last_seen: Instant,
    /// The type of the endpoint's socket, and so of the peer's.
    pub socket_type: SocketType,
    /// What happened to its requests.
    pub totals: PeerTotals,
}

impl Peer {
    /// `192.0.2.7`, `fe80::1%2`, `unixgram:/run/client.sock`, `unix:(no name)`
    pub fn name(&self) -> String {
        match self.address.as_socket() {
            Some(SocketAddr::V6(address)) if address.scope_id() != 0 => {
                format!("{}%{}", address.ip(), address.scope_id())
            }
            Some(address) => address.ip().to_string(),
            None => bullhorn_socket::Peer(&self.address, self.socket_type).to_string(),
        }
    }
}

/// What happened to the requests of one peer, by the type of the socket.
#[allow(
    clippy::large_enum_variant,
    reason = "both are plain numbers of about the same size"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerTotals {
    /// Over a datagram endpoint.
    Datagram(DatagramPeer),
    /// Over a stream endpoint. Failures to accept have no peer.
    Stream(StreamTotals),
}

/// What happened to the datagrams of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatagramPeer {
    /// Datagrams received from it.
    pub received: u64,
    pub(super) dropped: [u64; DropCause::ALL.len()],
}

impl DatagramPeer {
    /// Datagrams answered.
    pub fn answered(&self) -> u64 {
        self.received.saturating_sub(self.dropped())
    }

    /// Datagrams dropped for one cause.
    pub fn dropped_by(&self, cause: DropCause) -> u64 {
        self.dropped[cause as usize]
    }

    /// Datagrams dropped for any cause.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

impl AddAssign for DatagramPeer {
    fn add_assign(&mut self, other: Self) {
        let Self { received, dropped } = other;
        self.received += received;
        for (sum, more) in self.dropped.iter_mut().zip(dropped) {
            *sum += more;
        }
    }
}
