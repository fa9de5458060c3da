//! Binding a socket to a network interface.

use std::io;

use crate::socket::Socket;

/// Makes `socket` send and receive only through the interface `name` (SO_BINDTODEVICE; socket(7)).
///
/// There is no fallback to IP_UNICAST_IF: TCP ignores it, and connected UDP sockets did so before
/// Linux 6.1 (ip4_datagram_connect in net/ipv4/datagram.c).
///
/// # Errors
/// ENODEV without such an interface; EPERM without CAP_NET_RAW before Linux 5.7.
pub(crate) fn bind(socket: &Socket, name: &str) -> io::Result<()> {
    // The kernel would unbind for an empty name, and cut a long one.
    if name.is_empty() || name.len() >= libc::IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    socket.0.bind_device(Some(name.as_bytes()))
}
