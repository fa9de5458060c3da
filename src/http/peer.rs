//! What is known about a new connection before it is served: its peer, and whether a whole request
//! has arrived.

use std::net::IpAddr;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use bullhorn_server::Prefix;

/// Larger than the requests of scrapers, probes and browsers. A longer request is treated like one
/// that has not arrived completely.
const PEEK_SIZE: usize = 4 << 10;

/// The clients that share their slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// An IPv4 address or an IPv6 /64.
    Network(Prefix),
    /// The user at the other end of a Unix socket; `None` if the kernel does not know.
    User(Option<u32>),
}

impl Peer {
    pub(super) fn of_address(address: IpAddr) -> Self {
        Self::Network(Prefix::of_peer(address))
    }
}

/// How much of a request has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestState {
    /// The client has already closed the connection.
    Closed,
    /// Nothing, or a part of it.
    Incomplete,
    /// All of it but the body.
    Complete,
}

impl RequestState {
    /// Leaves the request in the socket.
    pub(super) fn peek(socket: impl AsFd) -> Self {
        let mut bytes = [0; PEEK_SIZE];
        match recv(
            socket,
            &mut bytes[..],
            RecvFlags::PEEK | RecvFlags::DONTWAIT,
        ) {
            Ok((0, _)) => Self::Closed,
            Ok((length, _)) if is_complete(&bytes[..length]) => Self::Complete,
            Ok(_) | Err(Errno::AGAIN) => Self::Incomplete,
            Err(_) => Self::Closed,
        }
    }
}

/// Whether the empty line that ends the header section is there (RFC 9112, section 2.1).
fn is_complete(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"\r\n\r\n")
        || bytes.windows(2).any(|window| window == b"\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_empty_line() {
        for (bytes, expected) in [
            (&b""[..], false),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\n", false),
            (b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", true),
            (b"GET /livez HTTP/1.0\n\n", true),
            (b"POST / HTTP/1.1\r\n\r\nbody", true),
        ] {
            assert_eq!(is_complete(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
