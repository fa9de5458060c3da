//! Only Linux binds a socket to a network interface by its name.

use std::io;

use crate::socket::Socket;

/// Binds nothing.
///
/// # Errors
/// Always.
pub(crate) fn bind(_: &Socket, _: &str) -> io::Result<()> {
    let problem = "only Linux binds a socket to an interface; give an address of it instead";
    Err(io::Error::new(io::ErrorKind::Unsupported, problem))
}
