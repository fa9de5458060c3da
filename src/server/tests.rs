//! The steady path of the datagram service, step by step in one thread: nothing is allocated for a
//! datagram.

mod faults;

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};

use super::answer::answer;
use super::stats::Tally;
use crate::socket::batch::{DatagramBackend, Inbox, Outbox};
use crate::socket::batched::BatchedBackend;
use crate::socket::control_message::Control;
use crate::socket::sys;

#[test]
fn the_steady_path_allocates_nothing() {
    const SIZE: usize = 64;
    const RUN: usize = 20;
    for text in [
        "plain text",
        "größe und maß",
        "привет, мир",
        "ŉ grows by half",
    ] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let to = SockAddr::from(server.local_addr().unwrap());
        let mut backend = BatchedBackend::new(Arc::new(Socket::from(server)), 8);
        let (mut inbox, mut outbox) = (Inbox::new(8), Outbox::default());
        let mut segment = text.as_bytes().to_vec();
        segment.resize(SIZE, b'.');
        let run = segment.repeat(RUN);
        let mut control = Control::default();
        control.add_segment_size(SIZE as u16);
        let mut buffer = vec![0; 65_536];
        let mut round = || {
            // A run and a single datagram, so that both ways are taken.
            sys::send_message(client.as_fd(), &run, &to, control.as_bytes(), 0).unwrap();
            sys::send_message(client.as_fd(), &segment, &to, &[], 0).unwrap();
            let mut tally = Tally::default();
            while tally.received < RUN as u64 + 1 {
                backend.receive(&mut inbox, true).unwrap();
                answer(&mut inbox, &mut outbox, 65_507, &mut tally);
                backend.send(&inbox, &mut outbox);
                assert!(outbox.failures.is_empty());
            }
            for _ in 0..=RUN {
                client.recv(&mut buffer).unwrap();
            }
        };
        // The vectors grow to their size, and the processor's abilities are asked once.
        for _ in 0..5 {
            round();
        }
        let allocations = allocation_counter::measure(|| {
            for _ in 0..100 {
                round();
            }
        });
        assert_eq!(allocations.count_total, 0, "{text:?}: {allocations:?}");
    }
}
