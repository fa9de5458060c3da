//! A server that runs: its workers, how they are told to stop, and how their end is waited for.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::Socket;

use super::bound::BoundServer;
use super::datagram::{BATCH, Wake, Worker};
use super::guard::{Filter, Guard};
use super::impair::Line;
use super::kernel_drops::KernelDrops;
use super::monitor::{Counters, Monitor, Workers};
use super::pulse::Pulse;
use super::receive_errors::ReceiveErrors;
use super::stats::{DatagramCounters, Stats, StreamCounters, Tally};
use super::streams::{Draining, Listening, event_loops};
use super::{Backend, DRAIN_TIMEOUT, DatagramOptions, StreamLimits};
use bullhorn_socket::batch::DatagramBackend;
use bullhorn_socket::batched::BatchedBackend;
use bullhorn_socket::endpoint::{Endpoint, Family, MAX_UNIX_DATAGRAM, SocketType};
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::plain::PlainBackend;
use bullhorn_socket::unix_file::UnixFile;
use bullhorn_socket::{BoundSocket, Description};

/// How long after their drain workers may take to end; one that takes longer hangs.
const END_TIMEOUT: Duration = Duration::from_millis(250);

/// The service that answers every text in capitals, until [`stop`](Self::stop) or drop.
///
/// ```
/// use std::net::UdpSocket;
/// use bullhorn_server::Server;
///
/// let server = Server::builder().endpoint("udp://127.0.0.1:0").start()?;
/// let address = server.local_addr().expect("UDP has an address");
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to("straße".as_bytes(), address)?;
/// let mut answer = [0; 16];
/// let length = client.recv(&mut answer)?;
/// assert_eq!(&answer[..length], b"STRASSE");
/// let stats = server.stop();
/// assert_eq!((stats.received, stats.answered, stats.dropped), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a server stops when it is dropped"]
pub struct Server {
    sockets: Vec<Description>,
    counters: Arc<Vec<(Endpoint, Counters)>>,
    workers: Arc<Workers>,
    stopping: Arc<AtomicBool>,
    /// Sockets whose workers end when they are shut down.
    to_shut_down: Vec<Arc<Socket>>,
    /// Pipes whose workers end when they are closed.
    to_close: Vec<io::PipeWriter>,
    draining: Arc<Draining>,
    guard: Arc<Guard>,
    threads: Vec<JoinHandle<()>>,
    pulses: Vec<(Endpoint, Pulse)>,
    /// Go when the server does, after its sockets.
    files: Vec<UnixFile>,
}

/// Ends the drain of a server that stops.
#[derive(Clone, Debug)]
pub struct AbortHandle(Arc<Draining>);

impl AbortHandle {
    /// Closes the connections that are still answered. Nothing happens before the server stops.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl BoundServer {
    /// Starts to answer.
    ///
    /// # Errors
    /// [`Error::Socket`] when a thread cannot be started.
    pub fn start(self) -> Result<Server> {
        Server::start(self)
    }
}

impl Server {
    fn start(
        BoundServer {
            sockets,
            stream_threads,
            datagrams,
            streams,
            guard,
        }: BoundServer,
    ) -> Result<Self> {
        let stopping = Arc::default();
        let mut server = Self {
            sockets: Vec::new(),
            counters: Arc::default(),
            workers: Arc::new(Workers::new(&stopping)),
            stopping,
            to_shut_down: Vec::new(),
            to_close: Vec::new(),
            draining: Arc::default(),
            guard: Arc::new(guard),
            threads: Vec::new(),
            pulses: Vec::new(),
            files: Vec::new(),
        };
        let (mut counters, mut listening) = (Vec::new(), Vec::new());
        for bound in sockets {
            let BoundSocket {
                socket,
                siblings,
                threads,
                description,
                file,
            } = bound;
            server.sockets.push(description.clone());
            server.files.extend(file);
            let endpoint = description.endpoint.clone();
            match description.socket_type {
                SocketType::Datagram => {
                    let (mut of_workers, mut kernel_drops) = (Vec::new(), Vec::new());
                    for socket in std::iter::once(socket).chain(siblings) {
                        let (tallies, drops) = server
                            .start_workers(threads, socket, &description, &datagrams)
                            .map_err(|source| {
                                Error::socket(Operation::Start, &description.endpoint, source)
                            })?;
                        of_workers.extend(tallies);
                        kernel_drops.push(drops);
                    }
                    counters.push((endpoint, Counters::Datagram(of_workers, kernel_drops)));
                }
                SocketType::Stream => {
                    let of_listener = Arc::new(StreamCounters::default());
                    counters.push((endpoint, Counters::Stream(of_listener.clone())));
                    listening.push(Listening {
                        socket,
                        description,
                        counters: of_listener,
                    });
                }
            }
        }
        if let Some(first) = listening.first() {
            let endpoint = first.description.endpoint.clone();
            server
                .start_event_loops(listening, &streams, stream_threads)
                .map_err(|source| Error::socket(Operation::Start, &endpoint, source))?;
        }
        server.counters = Arc::new(counters);
        Ok(server)
    }

    /// Starts `threads` workers that receive from one socket.
    fn start_workers(
        &mut self,
        threads: usize,
        socket: Socket,
        description: &Description,
        options: &DatagramOptions,
    ) -> io::Result<(Vec<Arc<DatagramCounters>>, Arc<KernelDrops>)> {
        let socket = Arc::new(socket);
        let kernel_drops = Arc::new(KernelDrops::new(socket.clone()));
        let mut counters = Vec::new();
        for _ in 0..threads {
            let tally = Tally::new(options.impairment.is_some());
            counters.push(tally.counters());
            let shared = (socket.clone(), kernel_drops.clone());
            self.start_worker(shared, tally, description, options)?;
        }
        let pulse = Pulse::new(socket, counters.clone());
        self.pulses.push((description.endpoint.clone(), pulse));
        Ok((counters, kernel_drops))
    }

    fn start_worker(
        &mut self,
        (socket, kernel_drops): (Arc<Socket>, Arc<KernelDrops>),
        tally: Tally,
        description: &Description,
        options: &DatagramOptions,
    ) -> io::Result<()> {
        let may_shut_down = !description.inherited && description.family != Family::Unix;
        let wake = if !may_shut_down || options.impairment.is_some() {
            let (reader, writer) = io::pipe()?;
            self.to_close.push(writer);
            Wake::Pipe(reader)
        } else {
            self.to_shut_down.push(socket.clone());
            Wake::Shutdown
        };
        let backend: Box<dyn DatagramBackend> = match options.backend {
            Backend::Batched => Box::new(BatchedBackend::new(socket.clone(), BATCH)),
            Backend::Plain => Box::new(PlainBackend::new(socket.clone())),
        };
        let worker = Worker {
            endpoint: description.endpoint.clone(),
            backend,
            socket,
            wake,
            spin: options.spin,
            line: options.impairment.map(Line::new),
            stopping: self.stopping.clone(),
            draining: self.draining.clone(),
            tally,
            kernel_drops,
            filter: Filter::new(self.guard.clone()),
            receive_errors: ReceiveErrors::default(),
            limit: description
                .endpoint
                .max_datagram()
                .unwrap_or(MAX_UNIX_DATAGRAM),
        };
        let alive = self.workers.register(&description.endpoint);
        self.start_thread("datagrams", move || {
            let _alive = alive;
            worker.run();
        })
    }

    /// Starts the event loops that serve `listening`, `count` of them.
    fn start_event_loops(
        &mut self,
        listening: Vec<Listening>,
        limits: &StreamLimits,
        count: usize,
    ) -> io::Result<()> {
        let endpoints = listening.iter().map(|it| it.description.endpoint.clone());
        let endpoints: Vec<Endpoint> = endpoints.collect();
        let guard = self.guard.clone();
        for event_loop in event_loops(listening, limits, count, guard, &self.draining)? {
            // Without one of them, every endpoint would fail some of its connections.
            let guards: Vec<_> = endpoints
                .iter()
                .map(|it| self.workers.register(it))
                .collect();
            self.start_thread("streams", move || {
                let _guards = guards;
                event_loop.run();
            })?;
        }
        Ok(())
    }

    fn start_thread(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(thread.spawn(work)?);
        Ok(())
    }

    /// The endpoints that are not answered on as they should be: a worker or listener of theirs
    /// has failed, or datagrams wait that waited at the last call already, while none was taken.
    ///
    /// To be asked at intervals that are long beside what a batch takes; the first call only looks.
    pub fn ailing(&self) -> Vec<Endpoint> {
        let standing = self.pulses.iter().filter(|(_, pulse)| !pulse.is_well());
        let mut ailing = self.workers.failed();
        for (endpoint, _) in standing {
            if !ailing.contains(endpoint) {
                ailing.push(endpoint.clone());
            }
        }
        ailing
    }

    /// The endpoints served, with the ports that the kernel chose, in the order given.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.sockets
            .iter()
            .map(|description| description.endpoint.clone())
            .collect()
    }

    /// The address of the first Internet endpoint, with the port that the kernel chose; `None` when
    /// every endpoint is a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.sockets
            .iter()
            .find_map(|description| description.endpoint.socket_addr())
    }

    /// The sockets served: endpoint, family, type and descriptor of each.
    pub fn sockets(&self) -> &[Description] {
        &self.sockets
    }

    /// How many datagrams a second one address is answered, where there is a limit.
    pub fn rate_limit(&self) -> Option<NonZeroU32> {
        self.guard.rate_limit()
    }

    /// The totals up to now.
    pub fn stats(&self) -> Stats {
        Counters::read_all(&self.counters)
    }

    /// What others may ask while this one answers, and while it stops.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(&self.counters, &self.workers, &self.stopping)
    }

    /// Ends the drain of [`stop`](Self::stop) from another thread.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle(self.draining.clone())
    }

    /// Answers what was received, ends, and gives the totals. It waits at most
    /// [`DRAIN_TIMEOUT`] for what is received meanwhile, and less for a peer that does not read.
    pub fn stop(mut self) -> Stats {
        self.drain();
        self.stats()
    }

    fn drain(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.to_close.clear();
        for socket in self.to_shut_down.drain(..) {
            // An unconnected socket says ENOTCONN, and yet ends the wait (inet_shutdown in
            // net/ipv4/af_inet.c).
            let _ = socket.shutdown(Shutdown::Read);
        }
        self.draining.begin();
        let all_ended = self.workers.wait_until_ended(DRAIN_TIMEOUT + END_TIMEOUT);
        for thread in self.threads.drain(..) {
            // One that hangs is left behind. One that panicked has ended too; its totals are in the
            // counters.
            if all_ended || thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain();
    }
}

#[cfg(any(test, feature = "faults"))]
impl Server {
    /// One more worker of the first endpoint, which panics. For tests of what a program does about it.
    ///
    /// # Errors
    /// The kernel's, when it has no thread left.
    pub fn add_worker_that_panics(&mut self) -> io::Result<()> {
        let guard = self.workers.register(&self.endpoints()[0]);
        let panics = move || {
            let _guard = guard;
            std::panic::resume_unwind(Box::new("a worker panics"));
        };
        self.start_thread("datagrams", panics)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::Server;

    #[test]
    fn a_worker_that_has_ended_makes_its_endpoint_ailing() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0")
            .endpoint("tcp://127.0.0.1:0")
            .start();
        let mut server = server.unwrap();
        assert_eq!(server.ailing(), []);
        let datagrams = server.endpoints()[0].clone();
        server.add_worker_that_panics().unwrap();
        let begin = Instant::now();
        while server.ailing().is_empty() {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "it is not missed"
            );
            std::thread::yield_now();
        }
        assert_eq!(server.ailing(), [datagrams]);
    }
}
