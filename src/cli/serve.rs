//! `bullhorn serve`: from the arguments to a running server, until a signal ends it.

use std::io::{self, Write};

use tokio::signal::unix::{SignalKind, signal};

use super::arguments::Serve;
use super::{Failure, Outcome, log, metrics};
use crate::report::serve as report;
use crate::server::Server;
use crate::socket::inherit::passed_endpoints;

pub(super) fn run(arguments: &Serve) -> Outcome {
    log::start(&arguments.speech);
    let mut endpoints = arguments.endpoints.clone();
    if endpoints.is_empty() {
        let variable = |name| std::env::var(name).ok();
        endpoints = passed_endpoints(
            variable("LISTEN_PID").as_deref(),
            variable("LISTEN_FDS").as_deref(),
            std::process::id(),
        )?;
    }
    let bound = Server::builder()
        .endpoints(endpoints)
        .bind_options(arguments.bind_options())
        .datagram_options(arguments.datagram_options())
        .stream_limits(arguments.stream_limits())
        .bind()?;
    let metrics = arguments
        .metrics
        .as_ref()
        .map(|endpoint| metrics::Bound::new(endpoint, arguments.unix_mode))
        .transpose()?;
    let server = bound.start()?;

    let local = |operation| move |source| Failure::Local { operation, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(local("start the runtime"))?;
    // Before the first ready line, so that whoever reads it may send a signal at once; after the
    // sockets, so that their descriptors are the low numbers that people know.
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        let listen = |kind| signal(kind).map_err(local("listen for signals"));
        (
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        )
    };
    let metrics = metrics
        .map(|bound| {
            let _entered = runtime.enter();
            bound.serve(server.monitor())
        })
        .transpose()
        .map_err(local("serve the metrics"))?;

    let speech = &arguments.speech;
    let mut stdout = io::stdout().lock();
    for socket in server.sockets() {
        if speech.json {
            report::ready_json(&mut stdout, socket).map_err(Failure::Output)?;
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

    let stopped = runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
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
