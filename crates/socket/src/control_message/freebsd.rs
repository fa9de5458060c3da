//! The control messages of FreeBSD: lengths of 32 bits, and everything aligned to the width of a
//! register (_ALIGN in machine/_align.h; CMSG_DATA in sys/socket.h).

use std::net::Ipv4Addr;

use super::{Control, PacketInfo, Received, array};

pub(super) type Length = u32;
pub(super) const ALIGNMENT: usize = size_of::<usize>();
pub(super) const HEADER: usize =
    (size_of::<Length>() + 2 * size_of::<i32>()).next_multiple_of(ALIGNMENT);

/// The option that asks for the address that an IPv4 datagram was sent to (ip(4)).
pub(crate) const IPV4_DESTINATION: i32 = libc::IP_RECVDSTADDR;
pub(crate) const IPV4_DESTINATION_NAME: &str = "IP_RECVDSTADDR";

/// No room on Unix sockets, so that passed descriptors are discarded (recv(2)).
pub(crate) const UNIX_CAPACITY: usize = 0;

/// The types of SOL_SOCKET whose data are descriptors.
pub(super) const DESCRIPTORS: [i32; 1] = [libc::SCM_RIGHTS];

/// Takes what one message says: the header's destination, which nothing tells from ours but that
/// it is a group's or everybody's.
pub(super) fn read(level: i32, kind: i32, data: &[u8], received: &mut Received) {
    if (level, kind) != (libc::IPPROTO_IP, libc::IP_RECVDSTADDR) {
        return;
    }
    received.destination = array::<4>(data).map(Ipv4Addr::from).map(|address| {
        let unicast = !address.is_multicast() && !address.is_broadcast();
        PacketInfo {
            address: match unicast {
                true => address.into(),
                false => Ipv4Addr::UNSPECIFIED.into(),
            },
            interface: 0,
            unicast,
        }
    });
}

/// Lets an IPv4 datagram leave from `address` (IP_SENDSRCADDR, which may not be INADDR_ANY; ip(4));
/// without one the kernel chooses it.
pub(super) fn add_ipv4_source(control: &mut Control, address: Ipv4Addr) {
    if !address.is_unspecified() {
        control.add(libc::IPPROTO_IP, libc::IP_SENDSRCADDR, &address.octets());
    }
}
