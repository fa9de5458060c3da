//! How the kernel changes requested buffer sizes (setsockopt(2)).

use std::io;

use super::batch::BUFFER_SIZE;
use crate::socket::Socket;

/// Where the limits are.
pub(super) const WHERE: &str = "kern.ipc.maxsockbuf is the limit";

/// The size granted, of the one that the kernel reports: the same.
pub(super) fn granted(reported: usize) -> usize {
    reported
}

/// A datagram larger than the send buffer is refused (EMSGSIZE; send(2)), and the kernel's default
/// has room for a few thousand bytes (net.inet.udp.maxdgram, net.local.dgram.maxdgram).
pub(super) fn allow_largest_datagram(socket: &Socket) -> io::Result<()> {
    socket.set_send_buffer_size(BUFFER_SIZE)
}
