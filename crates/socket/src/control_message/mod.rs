//! The bytes that travel beside a datagram (cmsg(3)): read from and written to plain buffers.
//!
//! Each message is a header (its length with the header, level and type) and its data, padded; the
//! widths are the kernel's. Pure code without a system call, so that it can be fuzzed. Here: the
//! messages that all kernels have in common, above all IPV6_PKTINFO; in `linux`, `macos` and
//! `freebsd` the layout and what each kernel has alone: the address that an IPv4 datagram was sent
//! to, and on Linux the size of the datagrams in a run (UDP_GRO, UDP_SEGMENT) and who sent a
//! datagram over a Unix socket (SCM_CREDENTIALS).

#![allow(
    clippy::unnecessary_cast,
    reason = "a length is as wide as a pointer, or not"
)]

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod in_pktinfo;
#[cfg(target_os = "freebsd")]
#[path = "freebsd.rs"]
mod kernel;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod kernel;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod kernel;

use std::net::{IpAddr, Ipv6Addr};

use kernel::{ALIGNMENT, HEADER, Length};
pub(crate) use kernel::{IPV4_DESTINATION, IPV4_DESTINATION_NAME, UNIX_CAPACITY};

const LEVEL: usize = size_of::<Length>();
const KIND: usize = LEVEL + size_of::<i32>();

/// Room for every message that we ask for, in bytes.
pub const CAPACITY: usize = 128;

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
    /// It was sent to that address only: not multicast, not broadcast.
    pub unicast: bool,
}

/// Reads all messages in `control`, as `recvmsg` left them. Unknown ones are passed over; one that
/// is cut short ends the reading.
pub fn parse(control: &[u8]) -> Received {
    let mut received = Received::default();
    let mut rest = control;
    while let Some((level, kind, data, next)) = split_first(rest) {
        match (level, kind) {
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => received.destination = ipv6_info(data),
            _ => kernel::read(level, kind, data, &mut received),
        }
        rest = next;
    }
    received
}

/// The descriptors that came with a message: those passed (SCM_RIGHTS), and on Linux a pidfd of the
/// sender that another process with the same socket asked for (SCM_PIDFD).
pub fn passed_descriptors(control: &[u8]) -> impl Iterator<Item = i32> {
    let mut rest = control;
    let messages = std::iter::from_fn(move || {
        let (level, kind, data, next) = split_first(rest)?;
        rest = next;
        Some((level, kind, data))
    });
    messages
        .filter(|(level, kind, _)| *level == libc::SOL_SOCKET && kernel::DESCRIPTORS.contains(kind))
        .flat_map(|(_, _, data)| data.chunks_exact(size_of::<i32>()).filter_map(array))
        .map(i32::from_ne_bytes)
}

/// One message: its level, type and data, and what follows it.
pub(crate) fn split_first(control: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let length = Length::from_ne_bytes(array(control)?) as usize;
    let level = i32::from_ne_bytes(array(control.get(LEVEL..)?)?);
    let kind = i32::from_ne_bytes(array(control.get(KIND..)?)?);
    let data = control.get(HEADER..length)?;
    let next = length
        .checked_next_multiple_of(ALIGNMENT)?
        .min(control.len());
    Some((level, kind, data, &control[next..]))
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
        match info.address {
            IpAddr::V4(address) => kernel::add_ipv4_source(self, address),
            IpAddr::V6(address) => {
                let mut data = [0; 20];
                data[..16].copy_from_slice(&address.octets());
                data[16..].copy_from_slice(&info.interface.to_ne_bytes());
                self.add(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
            }
        }
    }

    fn add(&mut self, level: i32, kind: i32, data: &[u8]) {
        let length = HEADER + data.len();
        let end = self.length + length.next_multiple_of(ALIGNMENT);
        // Each kind is added once at most, and CAPACITY has room for all of them.
        debug_assert!(end <= CAPACITY);
        let Some(target) = self.bytes.get_mut(self.length..end) else {
            return;
        };
        target[..LEVEL].copy_from_slice(&(length as Length).to_ne_bytes());
        target[LEVEL..KIND].copy_from_slice(&level.to_ne_bytes());
        target[KIND..KIND + 4].copy_from_slice(&kind.to_ne_bytes());
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
        control.add(1, 99, b"unknown");
        let descriptors = [9_u32, 8, 7].map(u32::to_ne_bytes).concat();
        control.add(libc::SOL_SOCKET, libc::SCM_RIGHTS, &descriptors);
        let info = PacketInfo {
            address: "127.0.0.2".parse().unwrap(),
            interface: 0,
            unicast: true,
        };
        control.add_source(info);
        assert_eq!(parse(control.as_bytes()).destination, Some(info));
        let passed: Vec<_> = passed_descriptors(control.as_bytes()).collect();
        assert_eq!(passed, [9, 8, 7]);
    }

    #[test]
    fn ipv6_multicast_is_distinguished_from_unicast() {
        let to_a_group = [&[0xff, 2][..], &[0; 13], &[1], &1_u32.to_ne_bytes()].concat();
        let mut control = Control::default();
        control.add(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &to_a_group);
        assert!(!parse(control.as_bytes()).destination.unwrap().unicast);
    }

    #[test]
    fn the_layout_is_that_of_the_c_library() {
        assert_eq!(LEVEL, std::mem::offset_of!(libc::cmsghdr, cmsg_level));
        assert_eq!(KIND, std::mem::offset_of!(libc::cmsghdr, cmsg_type));
        assert_eq!(
            HEADER,
            size_of::<libc::cmsghdr>().next_multiple_of(ALIGNMENT)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
            passed_descriptors(&bytes).for_each(drop);
        }
    }
}
