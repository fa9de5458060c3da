//! The threads of a server: how they start, learn that the server stops, and end.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bullhorn_socket::Socket;

use super::draining::{DRAIN_TIMEOUT, Draining};
use super::health::{WorkerGuard, Workers};

/// The time that workers have to end after the drain; one that takes longer has hung.
const END_TIMEOUT: Duration = Duration::from_millis(250);

/// All threads of a server. Dropping them stops the server.
#[derive(Debug)]
pub(super) struct Threads {
    pub(super) draining: Arc<Draining>,
    pub(super) workers: Arc<Workers>,
    /// Sockets that wake their workers when they are shut down.
    sockets: Vec<Arc<Socket>>,
    /// Pipes that wake their workers when they are closed.
    pipes: Vec<io::PipeWriter>,
    handles: Vec<JoinHandle<()>>,
}

impl Default for Threads {
    fn default() -> Self {
        let draining = Arc::default();
        Self {
            workers: Arc::new(Workers::new(&draining)),
            draining,
            sockets: Vec::new(),
            pipes: Vec::new(),
            handles: Vec::new(),
        }
    }
}

impl Threads {
    /// Starts a thread that holds `guards` until `work` returns or panics.
    pub(super) fn start(
        &mut self,
        name: &str,
        guards: impl IntoIterator<Item = WorkerGuard>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let guards: Vec<WorkerGuard> = guards.into_iter().collect();
        let thread = std::thread::Builder::new().name(name.to_owned());
        self.handles.push(thread.spawn(move || {
            let _guards = guards;
            work();
        })?);
        Ok(())
    }

    /// Wakes the workers of this socket at the stop, by shutting it down for reading.
    pub(super) fn shut_down_at_stop(&mut self, socket: Arc<Socket>) {
        self.sockets.push(socket);
    }

    /// Wakes a worker at the stop, by closing this end of its pipe.
    pub(super) fn close_at_stop(&mut self, pipe: io::PipeWriter) {
        self.pipes.push(pipe);
    }

    /// Lets every thread answer what was received, and waits for its end.
    pub(super) fn stop(&mut self) {
        self.draining.begin();
        self.pipes.clear();
        for socket in self.sockets.drain(..) {
            // For an unconnected socket it returns ENOTCONN, but ends the wait (inet_shutdown in
            // net/ipv4/af_inet.c).
            let _ = socket.shutdown(Shutdown::Read);
        }
        let all_ended = self.workers.wait_until_ended(DRAIN_TIMEOUT + END_TIMEOUT);
        for thread in self.handles.drain(..) {
            // A thread that hangs is left behind. One that panicked has ended; what it counted is
            // in the totals.
            if all_ended || thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}
