//! Bound sockets, and the start of a server on them.

use std::io;
use std::sync::Arc;

use super::counters::Counters;
use super::datagrams::{self, Receiving};
use super::guard::Guard;
use super::options::{DatagramOptions, StreamLimits};
use super::peers::Tables;
use super::server::Server;
use super::stats::StreamCounters;
use super::streams::{Listening, event_loops};
use super::threads::Threads;
use bullhorn_socket::BoundSocket;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};

/// A server whose sockets are bound and whose threads are not started yet.
#[derive(Debug)]
#[must_use = "dropping it closes its sockets"]
pub struct BoundServer {
    pub(super) sockets: Vec<BoundSocket>,
    pub(super) stream_threads: usize,
    pub(super) datagrams: DatagramOptions,
    pub(super) streams: StreamLimits,
    pub(super) guard: Guard,
    pub(super) max_peers: usize,
}

impl BoundServer {
    /// The sockets, in the order given.
    pub fn sockets(&self) -> &[BoundSocket] {
        &self.sockets
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// [`Error::Socket`] when a thread cannot be started.
    pub fn start(self) -> Result<Server> {
        let guard = Arc::new(self.guard);
        let mut threads = Threads::default();
        let mut peers = Tables::new(self.max_peers);
        let (mut sockets, mut files, mut stalls) = (Vec::new(), Vec::new(), Vec::new());
        let (mut counters, mut listening) = (Vec::new(), Vec::new());
        for bound in self.sockets {
            let description = bound.description;
            let endpoint = description.endpoint.clone();
            sockets.push(description.clone());
            files.extend(bound.file);
            match description.socket_type {
                SocketType::Datagram => {
                    let of_endpoint = std::iter::once(bound.socket).chain(bound.siblings);
                    let receiving = Receiving {
                        sockets: of_endpoint.collect(),
                        workers_per_socket: bound.threads,
                        description,
                    };
                    let options = &self.datagrams;
                    let started =
                        datagrams::start(&mut threads, receiving, options, &guard, &mut peers)
                            .map_err(|source| Error::socket(Operation::Start, &endpoint, source))?;
                    let of_endpoint = started.stalls.into_iter();
                    stalls.extend(of_endpoint.map(|stall| (endpoint.clone(), stall)));
                    let (workers, sockets) = (started.workers, started.kernel_drops);
                    counters.push((endpoint, Counters::Datagram { workers, sockets }));
                }
                SocketType::Stream | SocketType::SeqPacket => {
                    let of_listener = Arc::new(StreamCounters::default());
                    counters.push((endpoint, Counters::Stream(of_listener.clone())));
                    listening.push(Listening {
                        peers: peers.of_listener(&description.endpoint, description.socket_type),
                        socket: bound.socket,
                        description,
                        counters: of_listener,
                    });
                }
            }
        }
        if let Some(first) = listening.first() {
            let endpoint = first.description.endpoint.clone();
            start_event_loops(
                &mut threads,
                listening,
                &self.streams,
                self.stream_threads,
                &guard,
            )
            .map_err(|source| Error::socket(Operation::Start, &endpoint, source))?;
        }
        Ok(Server {
            sockets,
            counters: Arc::new(counters),
            guard,
            peers: peers.finish(),
            stalls,
            threads,
            _files: files,
        })
    }
}

/// Starts the event loops that serve `listening`, `count` of them.
fn start_event_loops(
    threads: &mut Threads,
    listening: Vec<Listening>,
    limits: &StreamLimits,
    count: usize,
    guard: &Arc<Guard>,
) -> io::Result<()> {
    let endpoints = listening.iter().map(|it| it.description.endpoint.clone());
    let endpoints: Vec<Endpoint> = endpoints.collect();
    for event_loop in event_loops(listening, limits, count, guard.clone(), &threads.draining)? {
        // When one of them fails, so do some connections of every endpoint.
        let guards = endpoints.iter().map(|it| threads.workers.register(it));
        let guards: Vec<_> = guards.collect();
        threads.start("streams", guards, move || event_loop.run())?;
    }
    Ok(())
}
