//! Other kernels have no error queue: calls fail with an error number, and that is all there is.

use std::io;

use crate::endpoint::Family;
use crate::path_error::QueuedError;
use crate::socket::Socket;

pub(crate) fn enable(_: &Socket, _: Family, _: bool) -> io::Result<()> {
    Ok(())
}

pub(crate) fn take(_: &Socket) -> Option<QueuedError> {
    None
}
