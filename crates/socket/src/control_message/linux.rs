//! The control messages of Linux: a length is as wide as a pointer, and what follows is aligned to
//! that (cmsg(3)).

use std::net::Ipv4Addr;

use super::{Control, Received, Sender, array, in_pktinfo};

pub(super) type Length = usize;
pub(super) const ALIGNMENT: usize = size_of::<usize>();
pub(super) const HEADER: usize = size_of::<Length>() + 2 * size_of::<i32>();

/// The option that asks for the address that an IPv4 datagram was sent to.
pub(crate) const IPV4_DESTINATION: i32 = libc::IP_PKTINFO;
pub(crate) const IPV4_DESTINATION_NAME: &str = "IP_PKTINFO";

/// Room for the sender's credentials alone, in bytes: on Unix sockets, where anybody may pass
/// descriptors. The kernel writes the credentials first and then discards the descriptors that have
/// no room (`scm_recv` and `scm_detach_fds` in net/core/scm.c), so that none is ever ours.
pub(crate) const UNIX_CAPACITY: usize =
    HEADER + size_of::<libc::ucred>().next_multiple_of(ALIGNMENT);

/// The types of SOL_SOCKET whose data are descriptors; the second is in include/linux/socket.h.
pub(super) const DESCRIPTORS: [i32; 2] = [libc::SCM_RIGHTS, SCM_PIDFD];
const SCM_PIDFD: i32 = 0x04;

/// Takes what one message says.
pub(super) fn read(level: i32, kind: i32, data: &[u8], received: &mut Received) {
    match (level, kind) {
        (libc::SOL_UDP, libc::UDP_GRO) => {
            received.segment_size = array(data)
                .map(i32::from_ne_bytes)
                .and_then(|size| u16::try_from(size).ok())
                .filter(|size| *size > 0);
        }
        (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => received.sender = sender(data),
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => received.destination = in_pktinfo::read(data),
        _ => {}
    }
}

/// struct ucred: process, user, group (unix(7)).
fn sender(data: &[u8]) -> Option<Sender> {
    Some(Sender {
        process_id: i32::from_ne_bytes(array(data)?),
        user_id: u32::from_ne_bytes(array(data.get(4..)?)?),
    })
}

/// Lets an IPv4 datagram leave from `address`.
pub(super) fn add_ipv4_source(control: &mut Control, address: Ipv4Addr) {
    let data = in_pktinfo::data(address);
    control.add(libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
}

impl Control {
    /// Lets the kernel cut what is sent into datagrams of `size` bytes (udp(7)).
    pub fn add_segment_size(&mut self, size: u16) {
        self.add(libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PacketInfo, parse, passed_descriptors};
    use super::*;

    #[test]
    fn the_size_of_the_datagrams_in_a_run_is_read_beside_the_address() {
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
        assert_eq!(control.as_bytes().len(), UNIX_CAPACITY);
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

    /// As cmsg(3) has it, and in the order of bytes that nearly all machines have.
    #[test]
    #[cfg(all(target_endian = "little", target_pointer_width = "64"))]
    fn a_message_is_laid_out_for_the_width_of_the_machine() {
        assert_laid_out(&[
            18, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 103, 0, 0, 0, 0xaa, 0xbb, 0, 0, 0, 0, 0,
            0, //
            17, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xcc, 0, 0, 0, 0, 0, 0, 0,
        ]);
    }

    #[test]
    #[cfg(all(target_endian = "little", target_pointer_width = "32"))]
    fn a_message_is_laid_out_for_the_width_of_the_machine() {
        assert_laid_out(&[
            14, 0, 0, 0, 17, 0, 0, 0, 103, 0, 0, 0, 0xaa, 0xbb, 0, 0, //
            13, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0xcc, 0, 0, 0,
        ]);
    }

    #[cfg(target_endian = "little")]
    fn assert_laid_out(expected: &[u8]) {
        let mut control = Control::default();
        control.add(17, 103, &[0xaa, 0xbb]);
        control.add(1, 2, &[0xcc]);
        assert_eq!(control.as_bytes(), expected);
    }
}
