//! A report of the path, laid out by a naive writer behind another message, is read back, and cut
//! anywhere it gives what is whole before the cut.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use bullhorn_socket::PathCause;
use bullhorn_socket::fuzzing::{ExtendedError, parse_extended_error};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    raw: &'a [u8],
    before: &'a [u8],
    errno: i32,
    origin: u8,
    kind: u8,
    code: u8,
    info: u32,
    sender: Option<SocketAddr>,
    is_ipv6: bool,
    cut: u16,
}

/// IPPROTO_IP with IP_RECVERR (include/uapi/linux/in.h), IPPROTO_IPV6 with IPV6_RECVERR (in6.h).
const IPV4: (i32, i32) = (0, 11);
const IPV6: (i32, i32) = (41, 25);
/// SO_TIMESTAMPING, which no report is.
const OTHER: (i32, i32) = (1, 37);
/// Of include/uapi/asm-generic/errno.h.
const EMSGSIZE: i32 = 90;

/// The bytes of a header, of `struct sock_extended_err`, and of both address families.
const HEADER: usize = size_of::<usize>() + 8;
const ERROR: usize = 16;
const ADDRESS_END: [usize; 2] = [8, 24];

fuzz_target!(|input: Input| {
    let _ = parse_extended_error(input.raw);

    let mut control = Vec::new();
    write(&mut control, OTHER, input.before);
    let begin = control.len();
    let data = data_of(&input);
    write(&mut control, if input.is_ipv6 { IPV6 } else { IPV4 }, &data);
    let expected = expected_of(&input);
    assert_eq!(parse_extended_error(&control), expected);

    let cut = begin + usize::from(input.cut) % (control.len() - begin + 1);
    let is_whole = cut >= begin + HEADER + data.len();
    let found = parse_extended_error(&control[..cut]);
    assert_eq!(found, expected.filter(|_| is_whole));

    // A message that says itself that it is shorter.
    let length = usize::from(input.cut) % (data.len() + 1);
    let mut control = Vec::new();
    write(&mut control, IPV4, &data[..length]);
    let address_end = ADDRESS_END[usize::from(input.sender.is_some_and(|its| its.is_ipv6()))];
    let expected = expected.filter(|_| length >= ERROR);
    let expected = expected.map(|expected| ExtendedError {
        sender: expected.sender.filter(|_| length >= ERROR + address_end),
        ..expected
    });
    assert_eq!(parse_extended_error(&control), expected);
});

fn expected_of(input: &Input<'_>) -> Option<ExtendedError> {
    let (kind, code) = (input.kind, input.code);
    Some(ExtendedError {
        cause: match input.origin {
            1 => PathCause::Errno,
            2 => PathCause::Icmp { kind, code },
            3 => PathCause::Icmp6 { kind, code },
            _ => return None,
        },
        sender: input.sender.map(|sender| sender.ip().to_canonical()),
        errno: input.errno,
        mtu: (input.errno == EMSGSIZE && input.info != 0).then_some(input.info),
    })
}

/// `struct sock_extended_err` and the address behind it.
fn data_of(input: &Input<'_>) -> Vec<u8> {
    let mut data = input.errno.to_ne_bytes().to_vec();
    data.extend([input.origin, input.kind, input.code, 0]);
    data.extend(input.info.to_ne_bytes());
    data.extend([0; 4]);
    let family: u16 = match input.sender {
        None => 0,
        Some(SocketAddr::V4(_)) => 2,
        Some(SocketAddr::V6(_)) => 10,
    };
    data.extend(family.to_ne_bytes());
    let Some(sender) = input.sender else {
        data.extend([0; 14]);
        return data;
    };
    data.extend(sender.port().to_be_bytes());
    match sender.ip() {
        IpAddr::V4(address) => data.extend(address.octets()),
        IpAddr::V6(address) => {
            data.extend([0; 4]);
            data.extend(address.octets());
        }
    }
    data.extend([0; 8]);
    data
}

/// Writes one message as cmsg(3) lays it out.
fn write(control: &mut Vec<u8>, (level, kind): (i32, i32), data: &[u8]) {
    let word = size_of::<usize>();
    control.extend((HEADER + data.len()).to_ne_bytes());
    control.extend(level.to_ne_bytes());
    control.extend(kind.to_ne_bytes());
    control.extend(data);
    control.resize(control.len().next_multiple_of(word), 0);
}
