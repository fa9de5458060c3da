//! The names in the addresses of Unix sockets, where all of them are paths (unix(4)).

use std::io;
use std::mem::offset_of;

use socket2::SockAddr;

/// An abstract name, which only Linux has.
#[derive(Debug, thiserror::Error)]
#[error("only Linux has abstract names; use a path, as in unix:/tmp/bullhorn.sock")]
struct AbstractName;

/// Refuses an abstract name.
pub(super) fn abstract_address(_: &str) -> io::Result<SockAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, AbstractName))
}

/// The path in the bytes of an address.
pub(super) fn name_in(address: &[u8]) -> Option<&[u8]> {
    let path = address.get(offset_of!(libc::sockaddr_un, sun_path)..)?;
    let path = path.split(|byte| *byte == 0).next();
    path.filter(|path| !path.is_empty())
}

/// Whether an answer can reach a sender: the address of a Unix socket without a name is an empty
/// path, or nothing at all.
pub(super) fn is_reachable(sender: &SockAddr) -> bool {
    sender.as_socket().is_some() || sender.as_pathname().is_some()
}
