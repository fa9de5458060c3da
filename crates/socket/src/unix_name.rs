//! The names in the addresses of Unix sockets: paths, and the abstract names of Linux (unix(7)).

use std::io;

use socket2::SockAddr;

/// What an address has before the name.
const FAMILY: usize = size_of::<libc::sa_family_t>();

/// The address of an abstract name.
pub(super) fn abstract_address(name: &str) -> io::Result<SockAddr> {
    SockAddr::unix(format!("\0{name}"))
}

/// The name in the bytes of an address: a path, or an abstract name with the zero byte before it.
pub(super) fn name_in(address: &[u8]) -> Option<&[u8]> {
    match address.get(FAMILY..)? {
        [] => None,
        // Abstract names may contain zeros, and trailing ones count.
        name @ [0, ..] => Some(name),
        path => path.split(|byte| *byte == 0).next(),
    }
}

/// Whether an answer can reach a sender: a Unix socket without a name has an address of no more
/// than the family, or of nothing at all.
#[inline]
pub(super) fn is_reachable(sender: &SockAddr) -> bool {
    sender.len() as usize > FAMILY
}
