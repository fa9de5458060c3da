//! The bytes that travel beside a datagram (cmsg(3)): read from and written to plain buffers.
//!
//! Each message is a header (length with header as usize, level and type as i32) and its data,
//! padded to the size of a usize: 12 and 4 bytes on 32-bit machines, 16 and 8 on others. Pure code
//! without a system call, so that it can be fuzzed. Here: the address that a datagram was sent to
//! (IP_PKTINFO, IPV6_PKTINFO), the size of the datagrams in a run (UDP_GRO, UDP_SEGMENT), and on
//! Unix sockets who sent it (SCM_CREDENTIALS).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ALIGNMENT: usize = size_of::<usize>();
const LEVEL: usize = size_of::<usize>();
const KIND: usize = LEVEL + size_of::<i32>();
const HEADER: usize = KIND + size_of::<i32>();

/// Room for every message that we ask for, in bytes.
pub const CAPACITY: usize = 128;

/// Room for the sender's credentials alone, in bytes: on Unix sockets, where anybody may pass
/// descriptors. The kernel writes the credentials first and then discards the descriptors that have
/// no room (`scm_recv` and `scm_detach_fds` in net/core/scm.c), so that none is ever ours.
pub const CREDENTIALS_CAPACITY: usize =
    HEADER + size_of::<libc::ucred>().next_multiple_of(ALIGNMENT);

/// What the control messages of one receive call contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The address of ours that the datagram was sent to, on sockets bound to every address.
    pub destination: Option<PacketInfo>,
    /// The size in bytes of each datagram but the last in a run that the kernel joined.
    pub segment_size: Option<u16>,
    /// The user who sent it, on Unix sockets that ask for it (SO_PASSCRED).
    pub sender: Option<Sender>,
}

/// Who sent a message over a Unix socket, by the kernel's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The process, or 0 for one that cannot be seen from here.
    pub process_id: i32,
    /// The user. One who has no number here is the overflow user (user_namespaces(7)).
    pub user_id: u32,
}

/// Where a datagram was sent to, which is where its answer must come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// Our address.
    pub address: IpAddr,
    /// The interface, where the address means nothing without it (IPv6 link-local); else 0, so
    /// that the routing table chooses the way back.
    pub interface: u32,
    /// It was sent to that address alone: not to a group (multicast), nor to everybody (broadcast).
    pub unicast: bool,
}

/// Reads all messages in `control`, as `recvmsg` left them. Unknown ones are passed over; one that
/// is cut short ends the reading.
pub fn parse(control: &[u8]) -> Received {
    let mut received = Received::default();
    let mut rest = control;
    while let Some((level, kind, data, next)) = split_first(rest) {
        match (level, kind) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                received.segment_size = array(data)
                    .map(i32::from_ne_bytes)
                    .and_then(|size| u16::try_from(size).ok())
                    .filter(|size| *size > 0);
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => received.sender = sender(data),
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => received.destination = ipv4_info(data),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => received.destination = ipv6_info(data),
            _ => {}
        }
        rest = next;
    }
    received
}

/// The descriptors that came with a message: those passed (SCM_RIGHTS), and a pidfd of the sender
/// that another process with the same socket asked for (SCM_PIDFD).
pub fn passed_descriptors(control: &[u8]) -> impl Iterator<Item = i32> {
    let mut rest = control;
    let messages = std::iter::from_fn(move || {
        let (level, kind, data, next) = split_first(rest)?;
        rest = next;
        Some((level, kind, data))
    });
    messages
        .filter(|(level, kind, _)| {
            *level == libc::SOL_SOCKET && matches!(*kind, libc::SCM_RIGHTS | SCM_PIDFD)
        })
        .flat_map(|(_, _, data)| data.chunks_exact(size_of::<i32>()).filter_map(array))
        .map(i32::from_ne_bytes)
}

/// include/linux/socket.h
const SCM_PIDFD: i32 = 0x04;

/// struct ucred: process, user, group (unix(7)).
fn sender(data: &[u8]) -> Option<Sender> {
    Some(Sender {
        process_id: i32::from_ne_bytes(array(data)?),
        user_id: u32::from_ne_bytes(array(data.get(4..)?)?),
    })
}

/// One message: its level, type and data, and what follows it.
fn split_first(control: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let length = usize::from_ne_bytes(array(control)?);
    let level = i32::from_ne_bytes(array(control.get(LEVEL..)?)?);
    let kind = i32::from_ne_bytes(array(control.get(KIND..)?)?);
    let data = control.get(HEADER..length)?;
    let next = length
        .checked_next_multiple_of(ALIGNMENT)?
        .min(control.len());
    Some((level, kind, data, &control[next..]))
}

/// struct in_pktinfo: interface index, our address (ipi_spec_dst), the header's destination. For a
/// broadcast the last is not ours, so the answer comes from the second (ip(7)). Only of a datagram
/// that came before the socket was asked for this, the second is empty (ipv4_pktinfo_prepare in
/// net/ipv4/ip_sockglue.c).
fn ipv4_info(data: &[u8]) -> Option<PacketInfo> {
    let ours = Ipv4Addr::from(array::<4>(data.get(4..)?)?);
    let sent_to = Ipv4Addr::from(array::<4>(data.get(8..)?)?);
    let is_one_host = !sent_to.is_multicast() && !sent_to.is_broadcast();
    let address = match ours.is_unspecified() && is_one_host {
        true => sent_to,
        false => ours,
    };
    Some(PacketInfo {
        address: address.into(),
        interface: 0,
        unicast: address == sent_to && is_one_host,
    })
}

/// struct in6_pktinfo: address, interface index (RFC 3542, section 6.1).
fn ipv6_info(data: &[u8]) -> Option<PacketInfo> {
    let address = Ipv6Addr::from(array::<16>(data)?);
    let interface = u32::from_ne_bytes(array(data.get(16..)?)?);
    Some(PacketInfo {
        address: address.into(),
        interface: if address.is_unicast_link_local() {
            interface
        } else {
            0
        },
        unicast: !address.is_multicast(),
    })
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

/// The messages to send beside an answer, in a buffer of their own.
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub struct Control {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            bytes: [0; CAPACITY],
            length: 0,
        }
    }
}

impl Control {
    /// The messages as `sendmsg` takes them; empty when none was added.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Lets the datagram leave from the address in `info`.
    pub fn add_source(&mut self, info: PacketInfo) {
        let interface = info.interface.to_ne_bytes();
        match info.address {
            IpAddr::V4(address) => {
                let mut data = [0; 12];
                data[..4].copy_from_slice(&interface);
                data[4..8].copy_from_slice(&address.octets());
                data[8..].copy_from_slice(&address.octets());
                self.add(libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
            }
            IpAddr::V6(address) => {
                let mut data = [0; 20];
                data[..16].copy_from_slice(&address.octets());
                data[16..].copy_from_slice(&interface);
                self.add(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
            }
        }
    }

    /// Lets the kernel cut what is sent into datagrams of `size` bytes (udp(7)).
    pub fn add_segment_size(&mut self, size: u16) {
        self.add(libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes());
    }

    fn add(&mut self, level: i32, kind: i32, data: &[u8]) {
        let length = HEADER + data.len();
        let end = self.length + length.next_multiple_of(ALIGNMENT);
        // Each kind is added once at most, and CAPACITY has room for all of them.
        debug_assert!(end <= CAPACITY);
        let Some(target) = self.bytes.get_mut(self.length..end) else {
            return;
        };
        target[..LEVEL].copy_from_slice(&length.to_ne_bytes());
        target[LEVEL..KIND].copy_from_slice(&level.to_ne_bytes());
        target[KIND..HEADER].copy_from_slice(&kind.to_ne_bytes());
        target[HEADER..length].copy_from_slice(data);
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_added_is_read_back() {
        for address in ["192.0.2.7", "2001:db8::7"] {
            let info = PacketInfo {
                address: address.parse().unwrap(),
                interface: 0,
                unicast: true,
            };
            let mut control = Control::default();
            control.add_source(info);
            assert_eq!(parse(control.as_bytes()).destination, Some(info));
        }
    }

    #[test]
    fn a_link_local_address_keeps_its_interface() {
        let info = PacketInfo {
            address: "fe80::1".parse().unwrap(),
            interface: 7,
            unicast: true,
        };
        let mut control = Control::default();
        control.add_source(info);
        assert_eq!(parse(control.as_bytes()).destination, Some(info));
    }

    #[test]
    fn every_message_of_one_call_is_read() {
        let mut control = Control::default();
        control.add(libc::SOL_UDP, libc::UDP_GRO, &1400i32.to_ne_bytes());
        control.add(1, 99, b"unknown");
        let info = PacketInfo {
            address: "127.0.0.2".parse().unwrap(),
            interface: 0,
            unicast: true,
        };
        control.add_source(info);
        assert_eq!(
            parse(control.as_bytes()),
            Received {
                destination: Some(info),
                segment_size: Some(1400),
                sender: None,
            }
        );
    }

    #[test]
    fn the_sender_and_the_descriptors_passed_are_read() {
        let mut control = Control::default();
        let credentials = [77_u32, 1000, 1001].map(u32::to_ne_bytes).concat();
        control.add(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &credentials);
        assert_eq!(control.as_bytes().len(), CREDENTIALS_CAPACITY);
        let descriptors = [9_u32, 8, 7].map(u32::to_ne_bytes).concat();
        control.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, &descriptors);
        control.add(libc::SOL_SOCKET, SCM_PIDFD, &6_u32.to_ne_bytes());
        let sender = Sender {
            process_id: 77,
            user_id: 1000,
        };
        assert_eq!(parse(control.as_bytes()).sender, Some(sender));
        let passed: Vec<_> = passed_descriptors(control.as_bytes()).collect();
        assert_eq!(passed, [9, 8, 7, 6]);
    }

    #[test]
    fn multicast_and_broadcast_are_distinguished_from_unicast() {
        let destination = |ours: [u8; 4], sent_to: [u8; 4]| {
            let mut control = Control::default();
            let data = [[0; 4], ours, sent_to].concat();
            control.add(libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
            parse(control.as_bytes()).destination.unwrap()
        };
        let unicast = |ours, sent_to| destination(ours, sent_to).unicast;
        assert!(unicast([192, 0, 2, 7], [192, 0, 2, 7]));
        assert!(!unicast([192, 0, 2, 7], [192, 0, 2, 255]));
        assert!(!unicast([192, 0, 2, 7], [255, 255, 255, 255]));
        assert!(!unicast([192, 0, 2, 7], [224, 0, 0, 1]));
        // From before the socket was asked for it.
        assert!(unicast([0; 4], [192, 0, 2, 7]));
        assert_eq!(
            destination([0; 4], [192, 0, 2, 7]).address,
            IpAddr::from([192, 0, 2, 7])
        );
        assert!(!unicast([0; 4], [255, 255, 255, 255]));
        assert!(!unicast([0; 4], [224, 0, 0, 1]));
        let to_a_group = [&[0xff, 2][..], &[0; 13], &[1], &1_u32.to_ne_bytes()].concat();
        let mut control = Control::default();
        control.add(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &to_a_group);
        assert!(!parse(control.as_bytes()).destination.unwrap().unicast);
    }

    #[test]
    fn the_layout_is_that_of_the_c_library() {
        assert_eq!(HEADER, size_of::<libc::cmsghdr>());
        assert_eq!(LEVEL, std::mem::offset_of!(libc::cmsghdr, cmsg_level));
        assert_eq!(KIND, std::mem::offset_of!(libc::cmsghdr, cmsg_type));
    }

    /// As cmsg(3) has it, and in the order of bytes that nearly all machines have.
    #[test]
    #[cfg(target_endian = "little")]
    fn a_message_is_laid_out_for_the_width_of_the_machine() {
        let mut control = Control::default();
        control.add(17, 103, &[0xaa, 0xbb]);
        control.add(1, 2, &[0xcc]);
        #[cfg(target_pointer_width = "64")]
        let expected: &[u8] = &[
            18, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 103, 0, 0, 0, 0xaa, 0xbb, 0, 0, 0, 0, 0,
            0, //
            17, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xcc, 0, 0, 0, 0, 0, 0, 0,
        ];
        #[cfg(target_pointer_width = "32")]
        let expected: &[u8] = &[
            14, 0, 0, 0, 17, 0, 0, 0, 103, 0, 0, 0, 0xaa, 0xbb, 0, 0, //
            13, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xcc, 0, 0, 0,
        ];
        assert_eq!(control.as_bytes(), expected);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
            passed_descriptors(&bytes).for_each(drop);
        }
    }
}
