//! Control messages from a naive writer are read back; cut anywhere, they yield what the whole
//! messages before the cut hold. What the engine writes is read back too.

#![no_main]

use std::net::IpAddr;

use bullhorn_socket::fuzzing::{CAPACITY, Control, parse};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Message<'a> {
    Destination(IpAddr, u32),
    SegmentSize(i32),
    Other(u8, u8, &'a [u8]),
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    raw: &'a [u8],
    messages: Vec<Message<'a>>,
    cut: u16,
    segment_size: u16,
}

/// SOL_UDP with UDP_SEGMENT and with UDP_GRO (include/uapi/linux/udp.h).
const UDP_SEGMENT: (i32, i32) = (17, 103);
const UDP_GRO: (i32, i32) = (17, 104);
/// IPPROTO_IP and IP_PKTINFO of include/uapi/linux/in.h.
const IPV4: (i32, i32) = (0, 8);
/// IPPROTO_IPV6 and IPV6_PKTINFO of include/uapi/linux/in6.h.
const IPV6: (i32, i32) = (41, 50);

fuzz_target!(|input: Input| {
    let received = parse(input.raw);
    assert_ne!(received.segment_size, Some(0));

    let mut control = Vec::new();
    let (mut destination, mut segment_size) = (None, None);
    let cut = usize::from(input.cut);
    for message in &input.messages {
        let begin = control.len();
        let length = match message {
            Message::Destination(address, interface) => {
                write_destination(&mut control, *address, *interface)
            }
            Message::SegmentSize(size) => write(&mut control, UDP_GRO, &[&size.to_ne_bytes()]),
            // Levels that no message of ours has.
            Message::Other(level, kind, data) => write(
                &mut control,
                (i32::from(*level) + 100, (*kind).into()),
                &[data],
            ),
        };
        if begin + length <= cut {
            match message {
                Message::Destination(address, interface) => {
                    destination = Some((*address, interface_of(*address, *interface)));
                }
                Message::SegmentSize(size) => {
                    segment_size = (1..=0xffff).contains(size).then_some(*size as u16);
                }
                Message::Other(..) => {}
            }
        }
    }
    let received = parse(&control[..cut.min(control.len())]);
    let read = received.destination.map(|to| (to.address, to.interface));
    assert_eq!((read, received.segment_size), (destination, segment_size));

    if let Some(source) = received.destination {
        let mut ours = Control::default();
        ours.add_source(source);
        assert_eq!(parse(ours.as_bytes()).destination, Some(source));
        ours.add_segment_size(input.segment_size);
        let mut size = Vec::new();
        write(&mut size, UDP_SEGMENT, &[&input.segment_size.to_ne_bytes()]);
        assert!(ours.as_bytes().ends_with(&size));
        assert!(ours.as_bytes().len() <= CAPACITY);
    }
});

fn interface_of(address: IpAddr, interface: u32) -> u32 {
    match address {
        IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfe80 => interface,
        _ => 0,
    }
}

/// Writes where a datagram was sent to; returns the length with the header.
fn write_destination(control: &mut Vec<u8>, address: IpAddr, interface: u32) -> usize {
    let interface = interface.to_ne_bytes();
    match address {
        IpAddr::V4(address) => write(
            control,
            IPV4,
            &[&interface, &address.octets(), &address.octets()],
        ),
        IpAddr::V6(address) => write(control, IPV6, &[&address.octets(), &interface]),
    }
}

/// Writes one message as cmsg(3) lays it out; returns its length with the header.
fn write(control: &mut Vec<u8>, (level, kind): (i32, i32), data: &[&[u8]]) -> usize {
    let data = data.concat();
    let word = size_of::<usize>();
    let length = word + 8 + data.len();
    control.extend(length.to_ne_bytes());
    control.extend(level.to_ne_bytes());
    control.extend(kind.to_ne_bytes());
    control.extend(data);
    control.resize(control.len().next_multiple_of(word), 0);
    length
}
