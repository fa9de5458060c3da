//! The abstract name that a service manager's socket may have (unix(7)).

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Connects to the abstract name.
pub(super) fn connect(socket: &UnixDatagram, name: &[u8]) -> io::Result<()> {
    socket.connect_addr(&SocketAddr::from_abstract_name(name)?)
}
