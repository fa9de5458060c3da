//! The control message beside a message of the error queue: the kernel's `struct sock_extended_err`
//! (include/uapi/linux/errqueue.h) and the address of whoever reported it.
//!
//! Pure code without a system call, so that it can be fuzzed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::control_message::split_first;
use crate::path_error::PathCause;

/// `SO_EE_ORIGIN_*`.
const ORIGIN_LOCAL: u8 = 1;
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;

/// The size of `struct sock_extended_err` in bytes.
const LENGTH: usize = 16;

/// What the control message contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// What was reported.
    pub cause: PathCause,
    /// The source address of the ICMP message.
    pub sender: Option<IpAddr>,
    /// The error number.
    pub errno: i32,
    /// The largest packet that passes, where size was the reason.
    pub mtu: Option<u32>,
}

/// The error in `control`, as recvmsg(2) left it with MSG_ERRQUEUE. `None` where there is none, or
/// it is cut short, or not about the path: timestamps share the queue.
pub fn parse(control: &[u8]) -> Option<ExtendedError> {
    let mut rest = control;
    while let Some((level, kind, data, next)) = split_first(rest) {
        if matches!(
            (level, kind),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        ) {
            return parse_data(data);
        }
        rest = next;
    }
    None
}

fn parse_data(data: &[u8]) -> Option<ExtendedError> {
    let (head, address) = data.split_first_chunk::<LENGTH>()?;
    let number = |at: usize| {
        head[at..]
            .first_chunk()
            .map(|bytes| u32::from_ne_bytes(*bytes))
    };
    let errno = number(0)? as i32;
    let [origin, kind, code] = [head[4], head[5], head[6]];
    let cause = match origin {
        ORIGIN_LOCAL => PathCause::Errno,
        ORIGIN_ICMP => PathCause::Icmp { kind, code },
        ORIGIN_ICMP6 => PathCause::Icmp6 { kind, code },
        _ => return None,
    };
    Some(ExtendedError {
        cause,
        sender: sender(address),
        errno,
        mtu: number(8).filter(|mtu| errno == libc::EMSGSIZE && *mtu > 0),
    })
}

/// `SO_EE_OFFENDER`: a sockaddr_in or sockaddr_in6, or AF_UNSPEC where there is no sender.
fn sender(address: &[u8]) -> Option<IpAddr> {
    let family = u16::from_ne_bytes(*address.first_chunk()?);
    match i32::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = *address.get(4..)?.first_chunk()?;
            Some(Ipv4Addr::from(octets).into())
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = *address.get(8..)?.first_chunk()?;
            Some(Ipv6Addr::from(octets).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: [u8; 4] = [10, 77, 0, 1];

    fn data(errno: i32, [origin, kind, code]: [u8; 3], info: u32) -> Vec<u8> {
        let mut bytes = errno.to_ne_bytes().to_vec();
        bytes.extend([origin, kind, code, 0]);
        bytes.extend(info.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend((libc::AF_INET as u16).to_ne_bytes());
        bytes.extend([0, 0]);
        bytes.extend(ROUTER);
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn cause_sender_and_mtu_are_read() {
        let bytes = data(libc::EMSGSIZE, [ORIGIN_ICMP, 3, 4], 1400);
        let expected = ExtendedError {
            cause: PathCause::Icmp { kind: 3, code: 4 },
            sender: Some(ROUTER.into()),
            errno: libc::EMSGSIZE,
            mtu: Some(1400),
        };
        assert_eq!(parse_data(&bytes), Some(expected));
        // The field is something else where size was not the reason.
        let bytes = data(libc::EHOSTUNREACH, [ORIGIN_ICMP, 3, 1], 1400);
        assert_eq!(parse_data(&bytes).unwrap().mtu, None);
    }

    #[test]
    fn what_is_cut_short_or_no_error_is_none() {
        let whole = data(libc::EHOSTUNREACH, [ORIGIN_ICMP, 3, 13], 0);
        for length in 0..LENGTH {
            assert_eq!(parse_data(&whole[..length]), None);
        }
        for length in LENGTH..LENGTH + 8 {
            assert_eq!(parse_data(&whole[..length]).unwrap().sender, None);
        }
        let timestamp = data(0, [4, 0, 0], 0);
        assert_eq!(parse_data(&timestamp), None);
    }
}
