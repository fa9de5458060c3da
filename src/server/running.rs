//! A server that runs: its workers, how they are told to stop, and how their end is waited for.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use socket2::Socket;
use tokio::task::AbortHandle;

use super::datagram::{BATCH, Wake, Worker};
use super::impair::Line;
use super::kernel_drops::KernelDrops;
use super::pulse::Pulse;
use super::receive_errors::ReceiveErrors;
use super::stats::{DatagramCounters, Stats, StreamCounters, Totals};
use super::stream::{Draining, Listener};
use super::{Backend, DatagramOptions, StreamLimits, stats};
use crate::endpoint::{Endpoint, Family, MAX_UNIX_DATAGRAM, SocketType};
use crate::error::{Error, Operation, Result};
use crate::socket::batch::DatagramBackend;
use crate::socket::batched::BatchedBackend;
use crate::socket::plain::PlainBackend;
use crate::socket::unix_file::UnixFile;
use crate::socket::{BoundSocket, Description};

/// A server that answers until [`stop`](Self::stop) is called or it is dropped.
#[derive(Debug)]
pub struct RunningServer {
    sockets: Vec<Description>,
    counters: Vec<Counters>,
    stopping: Arc<AtomicBool>,
    /// Sockets whose workers end when they are shut down.
    to_shut_down: Vec<Arc<Socket>>,
    /// Pipes whose workers end when they are closed.
    to_close: Vec<io::PipeWriter>,
    draining: Arc<Draining>,
    threads: Vec<(Option<Endpoint>, JoinHandle<()>)>,
    listeners: Vec<(Endpoint, AbortHandle)>,
    pulses: Vec<(Endpoint, Arc<Pulse>)>,
    /// Go when the server does, after its sockets.
    files: Vec<UnixFile>,
}

#[derive(Debug)]
enum Counters {
    Datagram(Arc<DatagramCounters>, Vec<Arc<KernelDrops>>),
    Stream(Arc<StreamCounters>),
}

/// A listening socket on its way to the runtime.
struct Listening {
    socket: Socket,
    description: Description,
    counters: Arc<StreamCounters>,
}

impl RunningServer {
    pub(super) fn start(
        sockets: Vec<BoundSocket>,
        datagrams: &DatagramOptions,
        limits: &StreamLimits,
    ) -> Result<Self> {
        let mut server = Self {
            sockets: Vec::new(),
            counters: Vec::new(),
            stopping: Arc::default(),
            to_shut_down: Vec::new(),
            to_close: Vec::new(),
            draining: Arc::default(),
            threads: Vec::new(),
            listeners: Vec::new(),
            pulses: Vec::new(),
            files: Vec::new(),
        };
        let mut listening = Vec::new();
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
            match description.socket_type {
                SocketType::Datagram => {
                    let counters = Arc::new(DatagramCounters::new(datagrams.impairment.is_some()));
                    let mut kernel_drops = Vec::new();
                    for socket in std::iter::once(socket).chain(siblings) {
                        let drops = server
                            .start_workers(threads, socket, &description, datagrams, &counters)
                            .map_err(|source| {
                                Error::socket(Operation::Start, &description.endpoint, source)
                            })?;
                        kernel_drops.push(drops);
                    }
                    let counters = Counters::Datagram(counters, kernel_drops);
                    server.counters.push(counters);
                }
                SocketType::Stream => {
                    let counters = Arc::new(StreamCounters::default());
                    server.counters.push(Counters::Stream(counters.clone()));
                    listening.push(Listening {
                        socket,
                        description,
                        counters,
                    });
                }
            }
        }
        if let Some(first) = listening.first() {
            let endpoint = first.description.endpoint.clone();
            server
                .start_runtime(listening, limits)
                .map_err(|source| Error::socket(Operation::Start, &endpoint, source))?;
        }
        Ok(server)
    }

    /// Starts `threads` workers that receive from one socket.
    fn start_workers(
        &mut self,
        threads: usize,
        socket: Socket,
        description: &Description,
        options: &DatagramOptions,
        counters: &Arc<DatagramCounters>,
    ) -> io::Result<Arc<KernelDrops>> {
        let socket = Arc::new(socket);
        let kernel_drops = Arc::new(KernelDrops::new(socket.clone())?);
        let pulse = Arc::new(Pulse::new(socket.clone()));
        self.pulses
            .push((description.endpoint.clone(), pulse.clone()));
        for _ in 0..threads {
            let shared = (socket.clone(), kernel_drops.clone(), pulse.clone());
            self.start_worker(shared, description, options, counters)?;
        }
        Ok(kernel_drops)
    }

    fn start_worker(
        &mut self,
        (socket, kernel_drops, pulse): (Arc<Socket>, Arc<KernelDrops>, Arc<Pulse>),
        description: &Description,
        options: &DatagramOptions,
        counters: &Arc<DatagramCounters>,
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
            counters: counters.clone(),
            kernel_drops,
            pulse,
            receive_errors: ReceiveErrors::default(),
            limit: description
                .endpoint
                .max_datagram()
                .unwrap_or(MAX_UNIX_DATAGRAM),
        };
        let endpoint = Some(description.endpoint.clone());
        self.start_thread("datagrams", endpoint, move || worker.run())
    }

    fn start_runtime(
        &mut self,
        listening: Vec<Listening>,
        limits: &StreamLimits,
    ) -> io::Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // With one processor there is nobody to share the work with, and sharing costs some
        // hundredths of it.
        let runtime = match threads {
            1 => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            _ => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .thread_name("streams")
                .enable_all()
                .build()?,
        };
        let mut tasks = Vec::new();
        {
            let _entered = runtime.enter();
            for Listening {
                socket,
                description,
                counters,
            } in listening
            {
                let draining = self.draining.clone();
                let listener =
                    Listener::new(socket, &description, limits.clone(), counters, draining)?;
                let task = runtime.spawn(listener.run());
                self.listeners
                    .push((description.endpoint.clone(), task.abort_handle()));
                tasks.push(task);
            }
        }
        self.start_thread("streams", None, move || {
            runtime.block_on(async {
                for task in tasks {
                    // A listener that panicked has ended too.
                    let _ = task.await;
                }
            });
        })
    }

    /// `endpoint` is the one that the thread answers on, if it is one alone.
    fn start_thread(
        &mut self,
        name: &str,
        endpoint: Option<Endpoint>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push((endpoint, thread.spawn(work)?));
        Ok(())
    }

    /// The endpoints that are not answered on as they should be: a worker or listener of theirs
    /// has ended, or datagrams wait that waited at the last call already, while none was taken.
    ///
    /// To be asked at intervals that are long beside what a batch takes; the first call only looks.
    pub fn ailing(&self) -> Vec<Endpoint> {
        let ended = self.threads.iter().filter_map(|(endpoint, thread)| {
            let endpoint = endpoint.as_ref()?;
            thread.is_finished().then_some(endpoint)
        });
        let not_listening = self.listeners.iter();
        let not_listening = not_listening.filter(|(_, task)| task.is_finished());
        let standing = self.pulses.iter().filter(|(_, pulse)| !pulse.is_well());
        let mut ailing: Vec<Endpoint> = ended
            .chain(not_listening.map(|(endpoint, _)| endpoint))
            .chain(standing.map(|(endpoint, _)| endpoint))
            .cloned()
            .collect();
        ailing.dedup();
        ailing
    }

    /// The endpoints served, with the ports that the kernel chose, in the order given.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.sockets
            .iter()
            .map(|description| description.endpoint.clone())
            .collect()
    }

    /// The sockets served: endpoint, family, type and descriptor of each.
    pub fn sockets(&self) -> &[Description] {
        &self.sockets
    }

    /// The totals up to now.
    pub fn stats(&self) -> Stats {
        let totals = self.counters.iter().map(|counters| match counters {
            Counters::Datagram(counters, kernel_drops) => {
                let kernel_dropped = kernel_drops.iter().map(|drops| drops.total()).sum();
                Totals::Datagram(counters.read(kernel_dropped))
            }
            Counters::Stream(counters) => Totals::Stream(counters.read()),
        });
        stats::Stats {
            endpoints: self.endpoints().into_iter().zip(totals).collect(),
        }
    }

    /// Answers what was received, ends, and gives the totals.
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
        for (_, thread) in self.threads.drain(..) {
            // A worker that panicked has ended too; its totals are in the counters.
            let _ = thread.join();
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.drain();
    }
}

#[cfg(test)]
mod tests {
    use crate::server::Server;

    #[test]
    fn a_worker_that_has_ended_makes_its_endpoint_ailing() {
        let server = Server::builder()
            .endpoint("udp://127.0.0.1:0".parse().unwrap())
            .endpoint("tcp://127.0.0.1:0".parse().unwrap())
            .start();
        let mut server = server.unwrap();
        assert_eq!(server.ailing(), []);
        let datagrams = server.endpoints()[0].clone();
        let ends = || std::panic::resume_unwind(Box::new("a worker panics"));
        server
            .start_thread("datagrams", Some(datagrams.clone()), ends)
            .unwrap();
        while server.ailing().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(server.ailing(), [datagrams]);
    }

    #[test]
    fn a_listener_that_has_ended_makes_its_endpoint_ailing() {
        let server = Server::builder().endpoint("tcp://127.0.0.1:0".parse().unwrap());
        let server = server.start().unwrap();
        assert_eq!(server.ailing(), []);
        server.listeners[0].1.abort();
        while server.ailing().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(server.ailing(), server.endpoints());
    }
}
