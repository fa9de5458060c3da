//! How the kernel changes requested buffer sizes (socket(7)).

use std::io;

use crate::socket::Socket;

/// Where the limits are.
pub(super) const WHERE: &str = "net.core.rmem_max and net.core.wmem_max are the limits";

/// The size granted, of the one that the kernel reports: it doubles the size for its own
/// bookkeeping.
pub(super) fn granted(reported: usize) -> usize {
    reported / 2
}

/// The kernel's own send buffer has room for the largest datagram.
pub(super) fn allow_largest_datagram(_: &Socket) -> io::Result<()> {
    Ok(())
}
