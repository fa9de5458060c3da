//! Many datagrams a call and a buffer, and waits that a shutdown ends, which is so on Linux alone.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Duration;

use super::{BATCH, backends, echo_all};
use crate::address::Address;
use crate::batch::{Answer, Inbox, Outbox, Place};
use crate::control_message::Control;
use crate::socket::Socket;
use crate::sys;

/// Texts that differ from each other in every datagram, of equal size but the last.
fn run_of(flow: usize, datagrams: usize, size: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..datagrams)
        .flat_map(|number| format!("{:<size$}", format!("{flow}.{number}")).into_bytes())
        .collect();
    bytes.truncate(bytes.len() - size / 2);
    bytes
}

/// Sends the run as one buffer that the kernel cuts.
fn send_run(client: &UdpSocket, server: &UdpSocket, bytes: &[u8], size: usize) {
    let mut control = Control::default();
    control.add_segment_size(size as u16);
    let to = Address::from(server.local_addr().unwrap());
    sys::send_message(client.as_fd(), bytes, &to, control.as_bytes(), 0).unwrap();
}

#[test]
fn every_datagram_of_every_run_comes_back_once_and_in_order() {
    for (mut backend, server) in backends() {
        let clients: Vec<UdpSocket> = (0..5)
            .map(|_| {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                client
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                client
            })
            .collect();
        let mut expected = vec![Vec::new(); clients.len()];
        let (mut inbox, mut outbox) = (Inbox::new(BATCH), Outbox::default());
        for (flow, client) in clients.iter().enumerate() {
            for (datagrams, size) in [(1, 10), (30, 20), (2, 1400), (64, 8)] {
                let bytes = run_of(flow, datagrams, size);
                send_run(client, &server, &bytes, size);
                expected[flow].extend(bytes.chunks(size).map(<[u8]>::to_vec));
            }
            client.send_to(b"", server.local_addr().unwrap()).unwrap();
            expected[flow].push(Vec::new());
            // Flow by flow, as no more of them fit into a receive buffer of the usual size.
            let mut answered = 0;
            while answered < expected[flow].len() {
                backend.receive(&mut inbox, true).unwrap();
                answered += echo_all(&inbox, &mut outbox);
                backend.send(&inbox, &mut outbox);
                assert!(outbox.failures.is_empty(), "{:?}", outbox.failures);
            }
        }
        for (client, expected) in clients.iter().zip(&expected) {
            for datagram in expected {
                let mut buffer = [0; 2000];
                let length = client.recv(&mut buffer).unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&buffer[..length]),
                    String::from_utf8_lossy(datagram)
                );
            }
        }
        let nothing = backend.receive(&mut inbox, false).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn one_bad_destination_costs_only_its_own_answer() {
    for (mut backend, server) in backends() {
        let clients = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        for (number, client) in clients.iter().enumerate() {
            client
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let text = format!("text {number}");
            client
                .send_to(text.as_bytes(), server.local_addr().unwrap())
                .unwrap();
        }
        let (mut inbox, mut outbox) = (Inbox::new(BATCH), Outbox::default());
        backend.receive(&mut inbox, true).unwrap();
        assert_eq!(
            inbox.runs().len(),
            3,
            "loopback delivers before send returns"
        );
        let mut changed = Inbox::new(BATCH);
        for (index, run) in inbox.runs().iter().enumerate() {
            let mut run = run.clone();
            if index == 1 {
                // Nothing can be sent to port 0 (EINVAL).
                run.peer = std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
            }
            changed.free_buffer().unwrap()[..run.length].copy_from_slice(inbox.bytes(index));
            changed.push(run);
        }
        echo_all(&changed, &mut outbox);
        backend.send(&changed, &mut outbox);
        let failures: Vec<_> = outbox
            .failures
            .iter()
            .map(|failure| (failure.answer, failure.datagrams))
            .collect();
        assert_eq!(failures, [(1, 1)]);
        for number in [0, 2] {
            let mut buffer = [0; 64];
            let length = clients[number].recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], format!("text {number}").as_bytes());
        }
    }
}

#[test]
fn a_run_that_arrives_at_a_poll_for_one_datagram_is_answered_whole() {
    for (mut backend, server) in backends() {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let (mut inbox, mut outbox) = (Inbox::new(BATCH), Outbox::default());
        for round in 0..3 {
            let nothing = backend.receive(&mut inbox, false).unwrap_err();
            assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
            let bytes = run_of(round, 30, 20);
            send_run(&client, &server, &bytes, 20);
            let mut answered = 0;
            while answered < 30 {
                // Loopback delivers before send returns.
                backend.receive(&mut inbox, false).unwrap();
                answered += echo_all(&inbox, &mut outbox);
                backend.send(&inbox, &mut outbox);
                assert!(outbox.failures.is_empty(), "{:?}", outbox.failures);
            }
            for datagram in bytes.chunks(20) {
                let mut buffer = [0; 64];
                let length = client.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], datagram);
            }
        }
    }
}

#[test]
fn datagrams_too_large_for_the_kernel_to_cut_are_sent_plainly_and_it_is_remembered() {
    let [_, (mut backend, server)] = backends();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client
        .send_to(b"hello", server.local_addr().unwrap())
        .unwrap();
    let (mut inbox, mut outbox) = (Inbox::new(BATCH), Outbox::default());
    backend.receive(&mut inbox, true).unwrap();
    // No path takes 70,000 bytes as one buffer (EMSGSIZE), yet each half goes by itself.
    for round in 0..2_u8 {
        outbox.clear();
        outbox.grown = [vec![b'a' + round; 35_000], vec![b'k' + round; 35_000]].concat();
        outbox.answers.push(Answer {
            run: 0,
            place: Place::Grown,
            range: 0..70_000,
            segment_size: 35_000,
        });
        backend.send(&inbox, &mut outbox);
        assert!(outbox.failures.is_empty(), "{:?}", outbox.failures);
        for first in [b'a' + round, b'k' + round] {
            let mut buffer = vec![0; 65_536];
            let length = client.recv(&mut buffer).unwrap();
            assert_eq!((length, buffer[0], buffer[34_999]), (35_000, first, first));
        }
    }
}

#[test]
fn shutting_the_socket_down_ends_a_wait_and_keeps_what_was_received() {
    for (mut backend, server) in backends() {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 0..40 {
            client
                .send_to(
                    format!("text {number}").as_bytes(),
                    server.local_addr().unwrap(),
                )
                .unwrap();
        }
        // Not connected, so the call complains; the wait still ends.
        let _ = Socket::from(server.try_clone().unwrap()).shutdown(std::net::Shutdown::Read);
        let mut inbox = Inbox::new(BATCH);
        let mut received = 0;
        loop {
            backend.receive(&mut inbox, true).unwrap();
            if inbox.runs().is_empty() {
                break;
            }
            received += inbox.runs().len();
        }
        assert_eq!(received, 40);
    }
}
