//! A server that runs: its workers, how they are told to stop, and how their end is waited for.

use std::io;
use std::net::Shutdown;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use socket2::Socket;

use super::admission::Admission;
use super::datagram::{BATCH, Wake, Worker};
use super::guard::{Filter, Guard};
use super::impair::Line;
use super::kernel_drops::KernelDrops;
use super::stats::{DatagramCounters, Stats, StreamCounters, Totals};
use super::stream::{Draining, Listener};
use super::{Backend, BoundServer, DatagramOptions, StreamLimits, stats};
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
    guard: Arc<Guard>,
    threads: Vec<JoinHandle<()>>,
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
        BoundServer {
            sockets,
            stream_threads,
            datagrams,
            streams,
            guard,
        }: BoundServer,
    ) -> Result<Self> {
        let mut server = Self {
            sockets: Vec::new(),
            counters: Vec::new(),
            stopping: Arc::default(),
            to_shut_down: Vec::new(),
            to_close: Vec::new(),
            draining: Arc::default(),
            guard: Arc::new(guard),
            threads: Vec::new(),
            files: Vec::new(),
        };
        let mut listening = Vec::new();
        for bound in sockets {
            let BoundSocket {
                socket,
                siblings,
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
                            .start_worker(socket, &description, &datagrams, &counters)
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
                .start_runtime(listening, &streams, stream_threads)
                .map_err(|source| Error::socket(Operation::Start, &endpoint, source))?;
        }
        Ok(server)
    }

    fn start_worker(
        &mut self,
        socket: Socket,
        description: &Description,
        options: &DatagramOptions,
        counters: &Arc<DatagramCounters>,
    ) -> io::Result<Arc<KernelDrops>> {
        let socket = Arc::new(socket);
        let kernel_drops = Arc::new(KernelDrops::new(socket.clone())?);
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
            kernel_drops: kernel_drops.clone(),
            filter: Filter::new(self.guard.clone()),
            limit: description
                .endpoint
                .max_datagram()
                .unwrap_or(MAX_UNIX_DATAGRAM),
        };
        self.start_thread("datagrams", move || worker.run())?;
        Ok(kernel_drops)
    }

    fn start_runtime(
        &mut self,
        listening: Vec<Listening>,
        limits: &StreamLimits,
        threads: usize,
    ) -> io::Result<()> {
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
        let admission = Arc::new(Admission::new(limits, self.guard.clone()));
        let mut tasks = Vec::new();
        {
            let _entered = runtime.enter();
            for Listening {
                socket,
                description,
                counters,
            } in listening
            {
                let (admission, draining) = (admission.clone(), self.draining.clone());
                let listener =
                    Listener::new(socket, &description, limits, admission, counters, draining)?;
                tasks.push(runtime.spawn(listener.run()));
            }
        }
        self.start_thread("streams", move || {
            runtime.block_on(async {
                for task in tasks {
                    // A listener that panicked has ended too.
                    let _ = task.await;
                }
            });
        })
    }

    fn start_thread(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(thread.spawn(work)?);
        Ok(())
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

    /// How many datagrams a second one address is answered, where there is a limit.
    pub fn rate_limit(&self) -> Option<NonZeroU32> {
        self.guard.rate_limit()
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
        for thread in self.threads.drain(..) {
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
