//! The steady path, step by step in one thread, with runs as Linux joins them: nothing is allocated
//! for a datagram.

use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bullhorn_socket::Socket;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGsoSegment;

use crate::datagrams::answerer::Answerer;
use crate::guard::GuardOptions;
use crate::guard::RateLimit;
use crate::guard::{Filter, Guard};
use crate::stats::Tally;
use bullhorn_socket::Description;
use bullhorn_socket::datagrams::BatchedBackend;
use bullhorn_socket::datagrams::{DatagramBackend, Inbox, Outbox};
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};

#[test]
#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn the_steady_path_allocates_nothing() {
    const SIZE: usize = 64;
    const RUN: usize = 20;
    for text in [
        "plain text",
        "größe und maß",
        "привет, мир",
        "ŉ grows by half",
        "BEGINS WITH CAPITALS and goes on",
    ] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        // What is longer is sent as a run of datagrams of this size.
        setsockopt(&client, UdpGsoSegment, &(SIZE as i32)).unwrap();
        let mut backend = BatchedBackend::new(Arc::new(Socket::from(server)), 8);
        let (mut inbox, mut outbox) = (Inbox::new(8), Outbox::default());
        let mut segment = text.as_bytes().to_vec();
        segment.resize(SIZE, b'.');
        let run = segment.repeat(RUN);
        let mut buffer = vec![0; 65_536];
        let endpoint = Endpoint::default();
        let socket = Description::new(endpoint, Family::Inet, SocketType::Datagram, 3);
        let options = GuardOptions {
            rate_limit: RateLimit::PerSecond(NonZeroU32::MAX),
            ..GuardOptions::default()
        };
        let guard = Guard::new(&options, std::iter::once(&socket));
        let filter = Filter::new(Arc::new(guard));
        let mut answerer = Answerer::new(filter, Tally::default(), 65_507);
        let mut answered = 0;
        let mut round = || {
            // A run and a single datagram, so that both ways are taken.
            client.send(&run).unwrap();
            client.send(&segment).unwrap();
            answered += RUN as u64 + 1;
            let counters = answerer.tally.counters();
            while counters.read().received < answered {
                backend.receive(&mut inbox, true).unwrap();
                answerer.answer(&mut inbox, &mut outbox);
                backend.send(&inbox, &mut outbox);
                assert!(outbox.failures.is_empty());
            }
            for _ in 0..=RUN {
                client.recv(&mut buffer).unwrap();
            }
        };
        // The vectors grow to their size, and the processor's features are detected once.
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
