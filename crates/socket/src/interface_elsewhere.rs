//! Only Linux binds a socket to a network interface by its name.

use std::io;

use crate::socket::Socket;

/// Binds nothing.
///
/// # Errors
/// Always.
pub(crate) fn bind(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
