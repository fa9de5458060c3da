//! Supervises a running server: waits for a signal or a failure, reports to the service manager
//! meanwhile, and drains; a second signal ends the drain.

use std::io;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::SIGUSR1;

use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::signals::Signals;
use crate::host::service_manager::ServiceManager;
use bullhorn_server::stats::Stats;
use bullhorn_server::{AbortHandle, Server};

/// A second signal this soon after the drain has begun is a copy of the first: timeout(1) and terminals
/// signal the process and its group.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// What ends a server, or asks it for a report.
enum Event {
    Signal,
    ReportRequested,
    WorkerFailed,
    HttpFailed,
}

pub(super) struct Supervisor {
    sender: Sender<Event>,
    events: Receiver<Event>,
    drain: Arc<Drain>,
}

/// What the thread of the signals knows of the drain.
struct Drain {
    begun: OnceLock<Instant>,
    abort: AbortHandle,
    aborted_by: OnceLock<i32>,
}

impl Supervisor {
    pub(super) fn new(server: &Server) -> Self {
        let (sender, events) = channel();
        let failed = sender.clone();
        server.monitor().on_failure(move || {
            let _ = failed.send(Event::WorkerFailed);
        });
        Self {
            sender,
            events,
            drain: Arc::new(Drain {
                begun: OnceLock::new(),
                abort: server.abort_handle(),
                aborted_by: OnceLock::new(),
            }),
        }
    }

    /// Ends the server on the first of `signals`, and its drain on a second one. Calls `on_signal` too.
    /// SIGUSR1 asks for a report instead.
    pub(super) fn end_on(
        &self,
        signals: Signals,
        on_signal: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        let (sender, drain) = (self.sender.clone(), self.drain.clone());
        signals.start(move |signal| {
            if signal == SIGUSR1 {
                let _ = sender.send(Event::ReportRequested);
                return;
            }
            on_signal();
            match drain.begun.get() {
                None => drop(sender.send(Event::Signal)),
                Some(begun) if begun.elapsed() >= SAME_SIGNAL => {
                    let _ = drain.aborted_by.set(signal);
                    drain.abort.abort();
                }
                Some(_) => {}
            }
        })
    }

    /// To be called when the HTTP server fails.
    pub(super) fn on_http_failure(&self) -> impl FnOnce() + Send + 'static + use<> {
        let sender = self.sender.clone();
        move || {
            let _ = sender.send(Event::HttpFailed);
        }
    }

    /// Waits for the end of `server` and returns its totals; calls `report` when asked to. HTTP goes on during the drain, and
    /// reports that the server is no longer ready.
    pub(super) fn run(
        self,
        server: Server,
        manager: &mut ServiceManager,
        report: impl FnMut(),
    ) -> (Stats, Outcome) {
        let monitor = server.monitor();
        let event = self.wait(&server, manager, report);
        manager.notify_stopping();
        let _ = self.drain.begun.set(Instant::now());
        let stats = server.stop();
        let outcome = if let [endpoint, ..] = monitor.failed().as_slice() {
            Err(Failure::Ended(format!("a worker of {endpoint}")))
        } else if let Some(Event::HttpFailed) = event {
            Err(Failure::Ended("the metrics server".to_owned()))
        } else if let Some(signal) = self.drain.aborted_by.get() {
            Ok(ExitCode::Signal(*signal as u8))
        } else {
            Ok(ExitCode::Success)
        };
        (stats, outcome)
    }

    /// Sleeps until an event that ends the server, and for a watchdog wakes at its interval.
    fn wait(
        &self,
        server: &Server,
        manager: &mut ServiceManager,
        mut report: impl FnMut(),
    ) -> Option<Event> {
        let interval = manager.watchdog_interval();
        let mut next_check = Instant::now();
        loop {
            let event = match interval {
                None => self.events.recv(),
                Some(interval) => {
                    if next_check <= Instant::now() {
                        manager.notify_health(server);
                        next_check = Instant::now() + interval;
                    }
                    let rest = next_check.saturating_duration_since(Instant::now());
                    match self.events.recv_timeout(rest) {
                        Err(RecvTimeoutError::Timeout) => continue,
                        event => event.map_err(|_| RecvError),
                    }
                }
            };
            match event.ok()? {
                Event::ReportRequested => report(),
                event => return Some(event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(server: Server) -> (Stats, Outcome) {
        Supervisor::new(&server).run(server, &mut ServiceManager::default(), || {})
    }

    #[test]
    fn a_server_of_which_a_worker_panics_drains_and_ends_with_an_error() {
        let mut server = Server::builder()
            .endpoint("udp://127.0.0.1:0")
            .endpoint("tcp://127.0.0.1:0")
            .start()
            .unwrap();
        let endpoint = server.endpoints()[0].clone();
        let monitor = server.monitor();
        server.add_worker_that_panics().unwrap();
        let (stats, outcome) = run(server);
        assert!(stats.is_balanced());
        assert!(!monitor.is_alive());
        let failure = outcome.unwrap_err();
        assert_eq!(ExitCode::from(&failure), ExitCode::Local);
        assert_eq!(
            failure.to_string(),
            format!("a worker of {endpoint} ended unexpectedly")
        );
    }

    #[test]
    fn a_server_whose_http_fails_drains_and_ends_with_an_error() {
        let server = Server::builder().endpoint("udp://127.0.0.1:0");
        let server = server.start().unwrap();
        let supervisor = Supervisor::new(&server);
        supervisor.on_http_failure()();
        let (stats, outcome) = supervisor.run(server, &mut ServiceManager::default(), || {});
        assert!(stats.is_balanced());
        let failure = outcome.unwrap_err().to_string();
        assert_eq!(failure, "the metrics server ended unexpectedly");
    }
}
