//! Both backends over real sockets: the fast one must do what the plain one does.

#[cfg(target_os = "linux")]
mod batches;

use std::net::UdpSocket;
use std::sync::Arc;

use crate::socket::Socket;

use super::batch::{Answer, DatagramBackend, Inbox, Outbox, Place};
use super::batched::BatchedBackend;
use super::plain::PlainBackend;

const BATCH: usize = 16;

fn backends() -> [(Box<dyn DatagramBackend>, UdpSocket); 2] {
    let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let shared = |socket: &UdpSocket| Arc::new(Socket::from(socket.try_clone().unwrap()));
    let (plain, batched) = (bind(), bind());
    [
        (Box::new(PlainBackend::new(shared(&plain))), plain),
        (
            Box::new(BatchedBackend::new(shared(&batched), BATCH)),
            batched,
        ),
    ]
}

fn echo_all(inbox: &Inbox, outbox: &mut Outbox) -> usize {
    outbox.clear();
    let mut datagrams = 0;
    for (index, run) in inbox.runs().iter().enumerate() {
        datagrams += run.datagrams();
        outbox.answers.push(Answer {
            run: index,
            place: Place::Inbox,
            range: 0..run.length,
            segment_size: run.segment_size.max(1),
        });
    }
    datagrams
}

#[test]
fn a_lone_answer_that_cannot_be_sent_is_a_failure() {
    for (mut backend, server) in backends() {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = server.local_addr().unwrap();
        client.send_to(b"text", to).unwrap();
        let (mut inbox, mut outbox) = (Inbox::new(BATCH), Outbox::default());
        backend.receive(&mut inbox, true).unwrap();
        let mut run = inbox.runs()[0].clone();
        // Nothing can be sent to port 0 (EINVAL; elsewhere than on Linux EADDRNOTAVAIL).
        run.peer = std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
        inbox.clear();
        inbox.push(run);
        echo_all(&inbox, &mut outbox);
        backend.send(&inbox, &mut outbox);
        let failures: Vec<_> = outbox
            .failures
            .iter()
            .map(|failure| (failure.answer, failure.datagrams))
            .collect();
        assert_eq!(failures, [(0, 1)]);
        let error = outbox.failures[0].error.raw_os_error();
        assert!(
            matches!(error, Some(libc::EINVAL | libc::EADDRNOTAVAIL)),
            "{:?}",
            outbox.failures
        );
    }
}
