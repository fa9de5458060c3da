//! A worker that looks for datagrams for a while before it waits for them.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::datagrams::answerer::Answerer;
use crate::datagrams::kernel_drops::KernelDrops;
use crate::datagrams::receive_errors::ReceiveErrors;
use crate::datagrams::worker::{Wake, Worker};
use crate::draining::Draining;
use crate::guard::GuardOptions;
use crate::guard::{Filter, Guard};
use crate::stats::Tally;
use bullhorn_socket::batch::{DatagramBackend, Inbox, Outbox};
use bullhorn_socket::endpoint::{Endpoint, SocketType};

/// A socket where nothing ever comes: the worker is told to stop after so many looks, or when it
/// waits.
struct Silent {
    looks: Arc<AtomicU32>,
    most_looks: u32,
    draining: Arc<Draining>,
}

impl DatagramBackend for Silent {
    fn receive(&mut self, inbox: &mut Inbox, blocking: bool) -> io::Result<()> {
        inbox.clear();
        let looks = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        if blocking || looks == self.most_looks {
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

/// How often the worker looked, and how long, before it ended.
fn run(spin: Duration, most_looks: u32) -> (u32, Duration) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::internet(SocketType::Datagram, server.local_addr().unwrap());
    let socket = Arc::new(Socket::from(server));
    let (looks, draining) = (Arc::<AtomicU32>::default(), Arc::<Draining>::default());
    let guard = Guard::new(&GuardOptions::default(), std::iter::empty());
    let worker = Worker {
        endpoint,
        socket: socket.clone(),
        backend: Box::new(Silent {
            looks: looks.clone(),
            most_looks,
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
    (looks.load(Ordering::Relaxed), begin.elapsed())
}

#[test]
fn spinning_ends_after_its_time() {
    let spin = Duration::from_millis(20);
    let (looks, time) = run(spin, u32::MAX);
    assert!(time >= spin, "{looks} looks in {time:?}");
}

#[test]
fn spinning_ends_when_the_worker_is_to_stop() {
    let (looks, _) = run(Duration::from_secs(3600), 1000);
    assert!(looks < 1100, "{looks}");
}
