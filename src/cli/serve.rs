//! `bullhorn serve`: from the arguments to a running server, until a signal ends it.

use std::io;
use std::os::fd::RawFd;

use tokio::runtime::Runtime;
use tokio::time::{Interval, MissedTickBehavior};

use super::arguments::Serve;
use super::serve_output::ServeOutput;
use super::service_manager::ServiceManager;
use super::stop_signals::StopSignals;
use super::{Failure, Outcome, descriptors, log, metrics, stderr};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::sandbox::user::{Identity, UserName};
use crate::sandbox::{self, Applied, Needs};
use crate::server::stats::Stats;
use crate::server::{BoundServer, RunningServer, Server};
use crate::socket::inherit::{passed_descriptors as announced, passed_names};
use crate::socket::{BindOptions, BoundSocket};

pub(super) fn run(arguments: &Serve) -> Outcome {
    log::listen(&arguments.speech);
    descriptors::raise_limit();
    let user = arguments.user.as_ref().map(UserName::resolve).transpose()?;
    if let Some(user) = &user {
        user.check()?;
    }
    let bound = bind(arguments)?;
    let metrics = arguments
        .metrics
        .as_ref()
        .map(|endpoint| metrics::Bound::new(endpoint, arguments.unix_mode))
        .transpose()?;
    let mut manager = ServiceManager::from_environment();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(local("start the runtime"))?;
    // Before the first datagram is taken, as a signal that ended the process then would lose it;
    // after the sockets, so that their descriptors are the low numbers that people know.
    let mut signals = {
        let _entered = runtime.enter();
        StopSignals::listen().map_err(local("listen for signals"))?
    };
    let of_metrics = metrics.iter().flat_map(metrics::Bound::sockets);
    let sockets: Vec<&BoundSocket> = bound.sockets().iter().chain(of_metrics).collect();
    let sandbox = restrict(arguments, user, &sockets)?;
    stderr::start();
    let output = ServeOutput::new(&arguments.speech);

    let held_log = stderr::hold_log();
    let server = bound.start()?;
    let metrics = metrics
        .map(|bound| {
            let _entered = runtime.enter();
            bound.serve(server.monitor())
        })
        .transpose()
        .map_err(local("serve the metrics"))?;
    manager.tell_ready(&server);
    let of_metrics = metrics.as_ref().map_or(&[][..], |served| &served.sockets);
    output.ready(&server, of_metrics, sandbox.as_ref());
    drop(held_log);

    let stats = serve(&runtime, server, &mut manager, &mut signals)?;
    output.totals(&stats);
    output.finish(Ok(0))
}

fn local(operation: &'static str) -> impl Fn(io::Error) -> Failure {
    move |source| Failure::Local { operation, source }
}

fn bind(arguments: &Serve) -> Result<BoundServer> {
    let passed = passed_descriptors()?;
    let endpoints = match arguments.endpoints.as_slice() {
        [] => passed.iter().copied().map(Endpoint::Descriptor).collect(),
        given => given.to_vec(),
    };
    Server::builder()
        .endpoints(endpoints)
        .bind_options(BindOptions {
            passed,
            ..arguments.bind_options()
        })
        .datagram_options(arguments.datagram_options())
        .stream_limits(arguments.streams.limits())
        .guard_options(arguments.guard.options())
        .bind()
}

/// Gives up what only binding needs.
fn restrict(
    arguments: &Serve,
    user: Option<Identity>,
    sockets: &[&BoundSocket],
) -> Result<Option<Applied>> {
    if let Some(user) = user {
        for socket in sockets {
            socket.give_file_to(user.uid(), user.gid())?;
        }
        user.assume()?;
    }
    Ok((!arguments.no_sandbox).then(|| sandbox::enter(&Needs::of(sockets))))
}

/// Waits for a signal, and for the end of the drain.
fn serve(
    runtime: &Runtime,
    server: RunningServer,
    manager: &mut ServiceManager,
    signals: &mut StopSignals,
) -> std::result::Result<Stats, Failure> {
    let stopped = runtime.block_on(async {
        let mut watchdog = manager.watchdog_interval().map(|every| {
            let mut interval = tokio::time::interval(every);
            // Looks in quick succession would tell nothing.
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        loop {
            tokio::select! {
                _ = signals.next() => break,
                () = next_tick(watchdog.as_mut()) => manager.tell_health(&server),
            }
        }
        manager.tell_stopping();
        // The metrics go on meanwhile, and tell that the server is not ready any more.
        tokio::task::spawn_blocking(move || server.stop()).await
    });
    stopped.map_err(|error| local("stop the server")(io::Error::other(error)))
}

/// The sockets that systemd passes to this process.
fn passed_descriptors() -> Result<Vec<RawFd>> {
    let variable = |name| std::env::var(name).ok();
    let passed = announced(
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
