//! The properties of a socket that another process made, as the kernel reports them (SO_DOMAIN,
//! SO_PROTOCOL, SO_ACCEPTCONN; socket(7)).

use std::io;

use socket2::{Domain, Protocol};

use super::sys;
use crate::endpoint::{Family, SocketType};
use crate::socket::Socket;

pub(super) fn domain(socket: &Socket) -> io::Result<Domain> {
    socket.0.domain()
}

pub(super) fn protocol(socket: &Socket) -> io::Result<Option<Protocol>> {
    socket.0.protocol()
}

pub(super) fn is_listening(socket: &Socket) -> io::Result<bool> {
    socket.0.is_listener()
}

/// With IP_RECVERR, an ICMP error about one client would make the answer to another fail (ip(7)).
/// On a Unix socket, a timestamp would take the space of the sender's credentials.
pub(super) fn reset_options(
    socket: &Socket,
    family: Family,
    socket_type: SocketType,
) -> io::Result<()> {
    if socket_type != SocketType::Datagram {
        return Ok(());
    }
    if family == Family::Unix {
        return sys::set_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMP, 0);
    }
    sys::set_option(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 0)?;
    if family == Family::Inet6 {
        sys::set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 0)?;
    }
    // An error that is pending already.
    socket.0.take_error().map(drop)
}
