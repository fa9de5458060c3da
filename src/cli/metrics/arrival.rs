//! What a connection brings along, seen before anything is done for it.

use rustix::net::{RecvFlags, recv, sockopt::socket_peercred};
use socket2::{SockAddr, Socket};

use bullhorn_server::Prefix;
use bullhorn_socket::address::canonical;

/// More than the requests of scrapers, probes and browsers take. A longer one has not been seen
/// whole, and is treated like one that is still to come.
const PEEK_SIZE: usize = 4 << 10;

/// The state of a connection as it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The client has left again.
    Gone,
    /// There is no whole request yet.
    Silent,
    /// There is a whole request.
    HasAsked,
}

impl Arrival {
    /// Takes nothing out of the socket.
    pub(super) fn of(socket: &Socket) -> Self {
        let mut bytes = [0; PEEK_SIZE];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(socket, &mut bytes[..], flags) {
            Ok((0, _)) => Self::Gone,
            Ok((length, _)) if is_whole(&bytes[..length]) => Self::HasAsked,
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Self::Silent,
            Err(_) => Self::Gone,
        }
    }
}

/// Whether the head of a request has its end (RFC 9112, section 2.1).
fn is_whole(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"\r\n\r\n")
        || bytes.windows(2).any(|window| window == b"\n\n")
}

/// Who shares places with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// An IPv4 address or an IPv6 /64.
    Network(Prefix),
    /// The user of a Unix socket; `None` where the kernel does not know.
    User(Option<u32>),
}

impl Source {
    pub(super) fn of(socket: &Socket, peer: &SockAddr) -> Self {
        match canonical(peer) {
            Some(peer) => Self::Network(Prefix::of_peer(peer.ip())),
            None => Self::User(socket_peercred(socket).ok().map(|peer| peer.uid.as_raw())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_with_its_empty_line() {
        for (bytes, whole) in [
            (&b""[..], false),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\n", false),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", true),
            (b"GET /livez HTTP/1.0\n\n", true),
            (b"POST / HTTP/1.1\r\n\r\nbody", true),
        ] {
            assert_eq!(is_whole(bytes), whole, "{}", bytes.escape_ascii());
        }
    }
}
