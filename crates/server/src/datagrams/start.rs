//! Starts the workers of a datagram endpoint.

use std::io;
use std::sync::Arc;

use bullhorn_socket::Socket;

use super::answerer::Answerer;
use super::kernel_drops::KernelDrops;
use super::receive_errors::ReceiveErrors;
use super::worker::{Wake, Worker};
use crate::guard::{Filter, Guard};
use crate::health::Stall;
use crate::impair::Link;
use crate::options::{Backend, DatagramOptions};
use crate::peers::Tables;
use crate::stats::{DatagramCounters, Tally};
use crate::threads::Threads;
use bullhorn_socket::Description;
use bullhorn_socket::datagrams::BatchedBackend;
use bullhorn_socket::datagrams::DatagramBackend;
use bullhorn_socket::datagrams::MAX_BATCH;
use bullhorn_socket::datagrams::PlainBackend;
use bullhorn_socket::endpoint::{Family, MAX_UNIX_DATAGRAM};

/// What was started for one endpoint.
pub(crate) struct Started {
    /// One for each worker.
    pub(crate) workers: Vec<Arc<DatagramCounters>>,
    /// One for each socket.
    pub(crate) kernel_drops: Vec<Arc<KernelDrops>>,
    /// One for each socket.
    pub(crate) stalls: Vec<Stall>,
}

/// An endpoint that is bound and not served yet.
pub(crate) struct Receiving {
    pub(crate) sockets: Vec<Socket>,
    pub(crate) workers_per_socket: usize,
    pub(crate) description: Description,
}

/// Starts the workers of an endpoint.
pub(crate) fn start(
    threads: &mut Threads,
    endpoint: Receiving,
    options: &DatagramOptions,
    guard: &Arc<Guard>,
    peers: &mut Tables,
) -> io::Result<Started> {
    let Receiving {
        sockets,
        workers_per_socket,
        description,
    } = endpoint;
    let all_workers = sockets.len() * workers_per_socket;
    let peers = peers.of_workers(&description.endpoint, all_workers);
    let mut peers = peers.into_iter();
    let max_answer = description.endpoint.max_datagram();
    let max_answer = max_answer.unwrap_or(MAX_UNIX_DATAGRAM);
    let (mut workers, mut all_drops, mut stalls) = (Vec::new(), Vec::new(), Vec::new());
    for socket in sockets {
        let socket = Arc::new(socket);
        let kernel_drops = Arc::new(KernelDrops::new(socket.clone()));
        let mut of_socket = Vec::new();
        for _ in 0..workers_per_socket {
            let tally = Tally::new(options.impairment.is_some()).with_peers(peers.next());
            of_socket.push(tally.counters());
            let worker = Worker {
                endpoint: description.endpoint.clone(),
                backend: match options.backend {
                    Backend::Batched => Box::new(BatchedBackend::new(socket.clone(), MAX_BATCH))
                        as Box<dyn DatagramBackend>,
                    Backend::Plain => Box::new(PlainBackend::new(socket.clone())),
                },
                wake: wake(threads, &socket, &description, options)?,
                socket: socket.clone(),
                spin: options.spin,
                link: options
                    .impairment
                    .map(|impairment| Link::new(impairment, MAX_BATCH)),
                draining: threads.draining.clone(),
                kernel_drops: kernel_drops.clone(),
                answerer: Answerer::new(Filter::new(guard.clone()), tally, max_answer),
                receive_errors: ReceiveErrors::default(),
            };
            let alive = threads.workers.register(&description.endpoint);
            threads.start("datagrams", [alive], move || worker.run())?;
        }
        stalls.push(Stall::new(socket, of_socket.clone()));
        workers.extend(of_socket);
        all_drops.push(kernel_drops);
    }
    Ok(Started {
        workers,
        kernel_drops: all_drops,
        stalls,
    })
}

fn wake(
    threads: &mut Threads,
    socket: &Arc<Socket>,
    description: &Description,
    options: &DatagramOptions,
) -> io::Result<Wake> {
    let may_shut_down =
        Socket::SHUTDOWN_ENDS_WAITS && !description.inherited && description.family != Family::Unix;
    if may_shut_down && options.impairment.is_none() {
        threads.shut_down_at_stop(socket.clone());
        return Ok(Wake::Shutdown);
    }
    let (reader, writer) = io::pipe()?;
    threads.close_at_stop(writer);
    Ok(Wake::Pipe(reader))
}
