//! The control messages of macOS: lengths of 32 bits, and everything aligned to 32 bits
//! (__DARWIN_ALIGN32 in sys/socket.h).

use std::net::Ipv4Addr;

use super::{Control, Received, in_pktinfo};

pub(super) type Length = u32;
pub(super) const ALIGNMENT: usize = size_of::<u32>();
pub(super) const HEADER: usize = size_of::<Length>() + 2 * size_of::<i32>();

/// The option that asks for the address that an IPv4 datagram was sent to (IP_RECVPKTINFO, which
/// has the same number; ip(4)).
pub(crate) const IPV4_DESTINATION: i32 = libc::IP_PKTINFO;
pub(crate) const IPV4_DESTINATION_NAME: &str = "IP_RECVPKTINFO";

/// No room on Unix sockets, so that passed descriptors are discarded (recv(2)).
pub(crate) const UNIX_CAPACITY: usize = 0;

/// The types of SOL_SOCKET whose data are descriptors.
pub(super) const DESCRIPTORS: [i32; 1] = [libc::SCM_RIGHTS];

/// Takes what one message says.
pub(super) fn read(level: i32, kind: i32, data: &[u8], received: &mut Received) {
    if (level, kind) == (libc::IPPROTO_IP, libc::IP_PKTINFO) {
        received.destination = in_pktinfo::read(data);
    }
}

/// Lets an IPv4 datagram leave from `address`; without one the kernel chooses it.
pub(super) fn add_ipv4_source(control: &mut Control, address: Ipv4Addr) {
    let data = in_pktinfo::data(address);
    control.add(libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
}
