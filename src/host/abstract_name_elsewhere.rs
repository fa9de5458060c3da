//! Only Linux has abstract names.

use std::io;
use std::os::unix::net::UnixDatagram;

/// Refuses an abstract name.
pub(super) fn connect(_: &UnixDatagram, _: &[u8]) -> io::Result<()> {
    Err(io::Error::other("only Linux has abstract names"))
}
