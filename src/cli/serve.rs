//! `bullhorn serve`: from the arguments to a running server, until a signal ends it.

use std::io::{self, Write};
use std::os::fd::RawFd;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior};

use super::arguments::Serve;
use super::service_manager::ServiceManager;
use super::{Failure, Outcome, log};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::report::serve as report;
use crate::server::Server;
use crate::socket::BindOptions;
use crate::socket::inherit::{passed_descriptors as announced, passed_names};

pub(super) fn run(arguments: &Serve) -> Outcome {
    log::start(&arguments.speech);
    let passed = passed_descriptors()?;
    let endpoints = match arguments.endpoints.as_slice() {
        [] => passed.iter().copied().map(Endpoint::Descriptor).collect(),
        given => given.to_vec(),
    };
    let server = Server::builder()
        .endpoints(endpoints)
        .bind_options(BindOptions {
            passed,
            ..arguments.bind_options()
        })
        .datagram_options(arguments.datagram_options())
        .stream_limits(arguments.stream_limits())
        .bind()?;

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

    let server = server.start()?;
    manager.tell_ready(&server);

    let speech = &arguments.speech;
    let mut stdout = io::stdout().lock();
    for socket in server.sockets() {
        if speech.json {
            report::ready_json(&mut stdout, socket).map_err(Failure::Output)?;
        } else if !speech.quiet {
            report::ready_text(&mut io::stderr(), socket).map_err(Failure::Output)?;
        }
    }
    stdout.flush().map_err(Failure::Output)?;

    runtime.block_on(async {
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
    });
    manager.tell_stopping();
    let stats = server.stop();
    if speech.json {
        report::totals_json(&mut stdout, &stats).map_err(Failure::Output)?;
    } else if !speech.quiet {
        report::totals_text(&mut io::stderr(), &stats).map_err(Failure::Output)?;
    }
    Ok(0)
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
