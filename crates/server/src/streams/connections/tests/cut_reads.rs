//! Reads that end before everything that has arrived, of which Linux tells.

use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use socket2::SockRef;

use super::super::super::fixture::{over_tcp, over_unix};
use super::Fixture;

#[test]
fn what_follows_an_urgent_byte_is_answered_at_once() {
    let mut fixture = Fixture::new();
    let (mut peer, connection) = over_tcp(&fixture.counters);
    peer.write_all(b"ab").unwrap();
    SockRef::from(&peer).send_out_of_band(b"c").unwrap();
    peer.write_all(b"de").unwrap();
    fixture.connections.register(connection);
    // Loopback has delivered all of it by now.
    fixture.go_on_after_one_event();
    let mut answer = [0; 5];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ABCDE");
}

#[test]
fn what_follows_a_passed_descriptor_is_answered_at_once() {
    let mut fixture = Fixture::new();
    let (mut peer, connection) = over_unix(&fixture.counters);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [peer.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    // A read ends behind such a message.
    let text = [IoSlice::new(b"ab")];
    sendmsg(&peer, &text, &mut control, SendFlags::empty()).unwrap();
    peer.write_all(b"cd").unwrap();
    fixture.connections.register(connection);
    fixture.go_on_after_one_event();
    let mut answer = [0; 8];
    let length = peer.read(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"ABCD");
}
