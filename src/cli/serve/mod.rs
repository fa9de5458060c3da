//! `bullhorn serve`: from the arguments to a running server, until a signal ends it.

mod output;
mod supervisor;

use std::io;
use std::os::fd::RawFd;

use signal_hook::consts::SIGUSR1;

use self::output::ServeOutput;
use self::supervisor::Supervisor;
use super::arguments::Serve;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::signals::Signals;
use super::{log, stderr};
use crate::host::descriptors;
use crate::host::service_manager::ServiceManager;
use crate::http;
use bullhorn::sandbox::user::{Identity, UserName};
use bullhorn::sandbox::{self, Applied, Needs};
use bullhorn_server::{BoundServer, Server};
use bullhorn_socket::BoundSocket;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::{passed_descriptors as listen_fds, passed_names};

pub(super) fn run(arguments: &Serve, output: &mut Output) -> Outcome {
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
    let mut manager = ServiceManager::from_environment();
    // Before the first datagram is received, which a signal that ends the process would lose; after the
    // sockets, which so get the low descriptors that the documentation shows; and before the sandbox,
    // which allows no socket pair.
    let signals = Signals::listen(&[SIGUSR1]).map_err(local("listen for signals"))?;
    let of_metrics = metrics.iter().flat_map(http::Bound::sockets);
    let sockets: Vec<&BoundSocket> = bound.sockets().iter().chain(of_metrics).collect();
    let sandbox = restrict(arguments, user, &sockets)?;

    stderr::hold_log();
    let server = bound.start()?;
    let supervisor = Supervisor::new(&server);
    let signals = supervisor.end_on(signals, output.on_signal());
    signals.map_err(local("listen for signals"))?;
    let metrics = metrics
        .map(|bound| {
            let max_connections = descriptors::max_http_connections();
            let on_failure = supervisor.on_http_failure();
            bound.start(&server, max_connections, on_failure)
        })
        .transpose()
        .map_err(local("serve the metrics"))?;
    manager.notify_ready(&server);
    let of_metrics = metrics.as_ref().map_or(&[][..], http::Server::sockets);
    let mut output = ServeOutput::new(&arguments.output, output);
    output.ready(&server, of_metrics, sandbox.as_ref());
    stderr::start();

    let peers = server.peers();
    let report = || match &peers {
        Some(peers) => output.peers(peers),
        None => tracing::warn!("SIGUSR1: no peers are listed; start with --peers 100"),
    };
    let (stats, outcome) = supervisor.run(server, &mut manager, report);
    drop(metrics);
    if arguments.output.verbose > 0
        && let Some(peers) = &peers
    {
        output.peers(peers);
    }
    output.totals(&stats);
    outcome
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
