//! `bullhorn serve`: from the arguments to a running server, until a signal ends it.

use std::io::{self, Write};
use std::os::fd::RawFd;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior};

use super::arguments::{Serve, Speech};
use super::service_manager::ServiceManager;
use super::{Failure, Outcome, descriptors, log, metrics};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::report::serve as report;
use crate::sandbox::user::UserName;
use crate::sandbox::{self, Needs};
use crate::server::{Server, StreamLimits};
use crate::socket::inherit::{passed_descriptors as announced, passed_names};
use crate::socket::{BindOptions, BoundSocket};

pub(super) fn run(arguments: &Serve) -> Outcome {
    log::start(&arguments.speech);
    descriptors::raise_limit();
    let passed = passed_descriptors()?;
    let endpoints = match arguments.endpoints.as_slice() {
        [] => passed.iter().copied().map(Endpoint::Descriptor).collect(),
        given => given.to_vec(),
    };
    let user = arguments.user.as_ref().map(UserName::resolve).transpose()?;
    if let Some(user) = &user {
        user.check()?;
    }
    let bound = Server::builder()
        .endpoints(endpoints)
        .bind_options(BindOptions {
            passed,
            ..arguments.bind_options()
        })
        .datagram_options(arguments.datagram_options())
        .stream_limits(StreamLimits {
            reserved_descriptors: Some(match arguments.metrics {
                Some(_) => descriptors::max_http_connections(),
                None => 0,
            }),
            ..arguments.streams.limits()
        })
        .guard_options(arguments.guard.options())
        .bind()?;
    let metrics = arguments
        .metrics
        .as_ref()
        .map(|endpoint| metrics::Bound::new(endpoint, arguments.unix_mode))
        .transpose()?;
    let mut manager = ServiceManager::from_environment();
    let local = |operation| move |source| Failure::Local { operation, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(local("start the runtime"))?;
    // Before the first datagram is taken, as a signal that ended the process then would lose it;
    // after the sockets, so that their descriptors are the low numbers that people know.
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        let listen = |kind| signal(kind).map_err(local("listen for signals"));
        (
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        )
    };

    let of_metrics = metrics.iter().flat_map(metrics::Bound::sockets);
    let sockets: Vec<&BoundSocket> = bound.sockets().iter().chain(of_metrics).collect();
    if let Some(user) = user {
        for socket in &sockets {
            socket.give_file_to(user.uid(), user.gid())?;
        }
        user.assume()?;
    }
    let sandbox = (!arguments.no_sandbox).then(|| {
        sandbox::enter(&Needs {
            private_sockets: arguments.answer_private_sockets,
            ..Needs::of(&sockets)
        })
    });
    let server = bound.start()?;
    let metrics = metrics
        .map(|bound| {
            let _entered = runtime.enter();
            bound.serve(server.monitor(), descriptors::max_http_connections())
        })
        .transpose()
        .map_err(local("serve the metrics"))?;
    manager.tell_ready(&server);

    let speech = &arguments.speech;
    if let Some(sandbox) = &sandbox
        && says_sandbox(speech, sandbox)
    {
        report::sandbox_text(&mut io::stderr(), sandbox).map_err(Failure::Output)?;
    }
    let mut stdout = io::stdout().lock();
    for socket in server.sockets() {
        if speech.json {
            report::ready_json(&mut stdout, socket, sandbox.as_ref(), server.rate_limit())
                .map_err(Failure::Output)?;
        } else if !speech.quiet {
            report::ready_text(&mut io::stderr(), socket).map_err(Failure::Output)?;
        }
    }
    for socket in metrics.iter().flat_map(|served| &served.sockets) {
        if speech.json {
            report::metrics_json(&mut stdout, socket).map_err(Failure::Output)?;
        } else if !speech.quiet {
            report::metrics_text(&mut io::stderr(), socket).map_err(Failure::Output)?;
        }
    }
    stdout.flush().map_err(Failure::Output)?;
    if let Some(rate) = server.rate_limit()
        && !speech.json
        && !speech.quiet
    {
        report::rate_limit_text(&mut io::stderr(), rate).map_err(Failure::Output)?;
    }

    let stopped = runtime.block_on(async {
        let mut watchdog = manager.watchdog_interval().map(|every| {
            let mut interval = tokio::time::interval(every);
            // Looks in quick succession would tell nothing.
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = next_tick(watchdog.as_mut()) => manager.tell_health(&server),
            }
        }
        manager.tell_stopping();
        // The metrics go on meanwhile, and tell that the server is not ready any more.
        tokio::task::spawn_blocking(move || server.stop()).await
    });
    let stats = stopped.map_err(|error| local("stop the server")(io::Error::other(error)))?;
    if speech.json {
        report::totals_json(&mut stdout, &stats).map_err(Failure::Output)?;
    } else if !speech.quiet {
        report::totals_text(&mut io::stderr(), &stats).map_err(Failure::Output)?;
    }
    Ok(0)
}

/// Said when something is missing, or to whoever asks for more; `-vv` shows socket calls, and is to
/// read like the lesson.
fn says_sandbox(speech: &Speech, sandbox: &sandbox::Applied) -> bool {
    let to_people = !speech.json && !speech.quiet;
    to_people && (speech.verbose == 1 || speech.verbose == 0 && !sandbox.is_complete())
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
