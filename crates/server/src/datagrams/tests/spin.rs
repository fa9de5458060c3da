//! A worker that busy-polls before it waits.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bullhorn_socket::Socket;

use crate::datagrams::answerer::Answerer;
use crate::datagrams::kernel_drops::KernelDrops;
use crate::datagrams::receive_errors::ReceiveErrors;
use crate::datagrams::worker::{Wake, Worker};
use crate::draining::Draining;
use crate::guard::GuardOptions;
use crate::guard::{Filter, Guard};
use crate::stats::Tally;
use bullhorn_socket::datagrams::{DatagramBackend, Inbox, Outbox};
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// A socket on which nothing arrives: the server stops after `max_polls`, or when the worker waits.
struct Silent {
    polls: Arc<AtomicU32>,
    max_polls: u32,
    draining: Arc<Draining>,
}

impl DatagramBackend for Silent {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        inbox.clear();
        let polls = self.polls.fetch_add(1, Ordering::Relaxed) + 1;
        if blocking || polls == self.max_polls {
            self.draining.begin();
        }
        match blocking {
            // As after a shutdown.
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn send(&mut self, _: &Inbox, _: &mut Outbox) {}
}

/// The number of polls before the worker ended, and their time.
fn run(spin: Duration, max_polls: u32) -> (u32, Duration) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::internet(SocketType::Datagram, server.local_addr().unwrap());
    let socket = Arc::new(Socket::from(server));
    let (polls, draining) = (Arc::<AtomicU32>::default(), Arc::<Draining>::default());
    let guard = Guard::new(&GuardOptions::default(), std::iter::empty());
    let worker = Worker {
        endpoint,
        socket: socket.clone(),
        backend: Box::new(Silent {
            polls: polls.clone(),
            max_polls,
            draining: draining.clone(),
        }),
        wake: Wake::Shutdown,
        spin: Some(spin),
        link: None,
        draining,
        answerer: Answerer::new(Filter::new(Arc::new(guard)), Tally::default(), 65_507),
        kernel_drops: Arc::new(KernelDrops::new(socket)),
        receive_errors: ReceiveErrors::default(),
    };
    let begin = Instant::now();
    worker.run();
    (polls.load(Ordering::Relaxed), begin.elapsed())
}

#[test]
fn busy_polling_ends_after_its_time() {
    let spin = Duration::from_millis(20);
    let (polls, time) = run(spin, u32::MAX);
    assert!(time >= spin, "{polls} polls in {time:?}");
}

#[test]
fn busy_polling_ends_when_the_server_stops() {
    let (polls, _) = run(Duration::from_secs(3600), 1000);
    assert!(polls < 1100, "{polls}");
}
