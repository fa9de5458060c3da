//! `bullhorn serve`: from the arguments to a running server, until a signal ends it.

mod output;

use std::io;
use std::os::fd::RawFd;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior};

use self::output::ServeOutput;
use super::arguments::Serve;
use super::exit_code::ExitCode;
use super::failure::{Failure, Outcome};
use super::stop_signals::StopSignals;
use super::{log, stderr};
use crate::host::descriptors;
use crate::host::service_manager::ServiceManager;
use crate::http;
use bullhorn::sandbox::user::{Identity, UserName};
use bullhorn::sandbox::{self, Applied, Needs};
use bullhorn_server::stats::Stats;
use bullhorn_server::{BoundServer, Server};
use bullhorn_socket::BoundSocket;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::{passed_descriptors as listen_fds, passed_names};

/// Another signal within this time is the first one again: timeout(1) and terminals send theirs to the
/// process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

pub(super) fn run(arguments: &Serve) -> Outcome {
    log::listen(&arguments.output);
    descriptors::raise_limit();
    let user = arguments.user.as_ref().map(UserName::resolve).transpose()?;
    if let Some(user) = &user {
        user.check()?;
    }
    let bound = bind(arguments)?;
    let metrics = arguments
        .metrics
        .as_ref()
        .map(|endpoint| http::Bound::bind(endpoint, arguments.unix_mode))
        .transpose()?;
    let manager = ServiceManager::from_environment();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(local("start the runtime"))?;
    // Before the first datagram is received, as a signal that ended the process then would lose it;
    // after the sockets are bound, so that their descriptors are the familiar low numbers.
    let signals = {
        let _entered = runtime.enter();
        StopSignals::listen().map_err(local("listen for signals"))?
    };
    let of_metrics = metrics.iter().flat_map(http::Bound::sockets);
    let sockets: Vec<&BoundSocket> = bound.sockets().iter().chain(of_metrics).collect();
    let sandbox = restrict(arguments, user, &sockets)?;
    stderr::start();
    let output = ServeOutput::new(&arguments.output);

    let held_log = stderr::hold_log();
    let server = bound.start()?;
    let (http_failed, http_failure) = oneshot::channel();
    let metrics = metrics
        .map(|bound| {
            let max_connections = descriptors::max_http_connections();
            let on_failure = move || http_failed.send(()).unwrap_or_default();
            bound.start(&server, max_connections, on_failure)
        })
        .transpose()
        .map_err(local("serve the metrics"))?;
    manager.tell_ready(&server);
    let of_metrics = metrics.as_ref().map_or(&[][..], http::Server::sockets);
    output.ready(&server, of_metrics, sandbox.as_ref());
    drop(held_log);

    let peers = server.peers();
    let until_stopped = until_stopped(server, http_failure, manager, signals);
    let (stats, outcome) = runtime.block_on(until_stopped);
    // Tasks that do not end are left behind.
    runtime.shutdown_background();
    drop(metrics);
    if arguments.output.verbose > 0
        && let Some(peers) = &peers
    {
        output.peers(peers);
    }
    output.totals(&stats);
    output.finish(outcome)
}

fn local(operation: &'static str) -> impl Fn(io::Error) -> Failure {
    move |source| Failure::Local { operation, source }
}

fn bind(arguments: &Serve) -> Result<BoundServer, Failure> {
    let passed = passed_descriptors()?;
    let endpoints = match arguments.endpoints.as_slice() {
        [] => passed.iter().copied().map(Endpoint::Descriptor).collect(),
        given => given.to_vec(),
    };
    let mut limits = arguments.streams.limits();
    limits.reserved_descriptors = Some(match arguments.metrics {
        Some(_) => descriptors::max_http_connections(),
        None => 0,
    });
    let mut bind_options = arguments.bind_options();
    bind_options.passed = passed;
    let bound = Server::builder()
        .endpoints(endpoints)
        .bind_options(bind_options)
        .datagram_options(arguments.datagram_options())
        .stream_limits(limits)
        .guard_options(arguments.guard.options())
        .max_peers(arguments.peers.into())
        .bind()?;
    Ok(bound)
}

/// Drops the privileges that only binding needs.
fn restrict(
    arguments: &Serve,
    user: Option<Identity>,
    sockets: &[&BoundSocket],
) -> Result<Option<Applied>, Failure> {
    if let Some(user) = user {
        for socket in sockets {
            socket.give_file_to(user.uid(), user.gid())?;
        }
        user.assume()?;
    }
    Ok((!arguments.no_sandbox).then(|| {
        sandbox::enter(&Needs {
            private_sockets: arguments.answer_private_sockets,
            ..Needs::of(sockets)
        })
    }))
}

/// Waits for a signal, or for a worker that fails; then for the end of the drain, which a second
/// signal ends at once.
async fn until_stopped(
    server: Server,
    http_failure: oneshot::Receiver<()>,
    mut manager: ServiceManager,
    mut signals: StopSignals,
) -> (Stats, Outcome) {
    let mut watchdog = manager.watchdog_interval().map(|every| {
        let mut interval = tokio::time::interval(every);
        // Checks in quick succession would show nothing.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    let monitor = server.monitor();
    let mut http_failure = pin!(async {
        // The sender is dropped at once without HTTP.
        if http_failure.await.is_err() {
            std::future::pending().await
        }
    });
    let mut outcome = loop {
        tokio::select! {
            _ = signals.next() => break Ok(ExitCode::Success),
            () = monitor.failure() => break Ok(ExitCode::Success),
            () = &mut http_failure => {
                break Err(Failure::Ended("the metrics server".to_owned()));
            }
            () = next_tick(watchdog.as_mut()) => manager.tell_health(&server),
        }
    };
    manager.tell_stopping();
    let abort = server.abort_handle();
    // The metrics are still served meanwhile, and report that the server is no longer ready.
    let mut stopping = tokio::task::spawn_blocking(move || server.stop());
    let begun = Instant::now();
    let stopped = loop {
        tokio::select! {
            biased;
            stopped = &mut stopping => break stopped,
            signal = signals.next() => if begun.elapsed() >= SAME_SIGNAL {
                abort.abort();
                outcome = outcome.and(Ok(ExitCode::Signal(signal.as_raw_value() as u8)));
            },
        }
    };
    if let [endpoint, ..] = monitor.failed().as_slice() {
        outcome = Err(Failure::Ended(format!("a worker of {endpoint}")));
    }
    match stopped {
        Ok(stats) => (stats, outcome),
        Err(_) => {
            let endpoints = Vec::new();
            let failure = Failure::Ended("the drain".to_owned());
            (Stats::new(endpoints), Err(failure))
        }
    }
}

/// The sockets that systemd passes to this process.
fn passed_descriptors() -> Result<Vec<RawFd>, Failure> {
    let variable = |name| std::env::var(name).ok();
    let passed = listen_fds(
        variable("LISTEN_PID").as_deref(),
        variable("LISTEN_FDS").as_deref(),
        std::process::id(),
    )?;
    let names = variable("LISTEN_FDNAMES");
    for (number, name) in passed
        .iter()
        .zip(passed_names(names.as_deref(), passed.len()))
    {
        tracing::debug!("fd:{number} is passed on as {name:?}");
    }
    Ok(passed)
}

async fn next_tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (stats, outcome) = runtime.block_on(async {
            let signals = StopSignals::listen().unwrap();
            until_stopped(
                server,
                oneshot::channel().1,
                ServiceManager::default(),
                signals,
            )
            .await
        });
        assert!(stats.is_balanced());
        assert!(!monitor.is_alive());
        let failure = outcome.unwrap_err();
        assert_eq!(ExitCode::from(&failure), ExitCode::Local);
        assert_eq!(
            failure.to_string(),
            format!("a worker of {endpoint} ended unexpectedly")
        );
    }
}
