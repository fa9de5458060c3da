//! What `bullhorn serve` prints: ready lines and totals, as text or as JSON Lines.

use std::io::{self, Write};
use std::time::Instant;

use crate::cli::arguments::OutputFlags;
use crate::cli::output::Output;
use crate::cli::stderr;
use crate::report::serve as report;
use bullhorn::sandbox::Applied;
use bullhorn_server::stats::Stats;
use bullhorn_server::{PeerTable, Server};
use bullhorn_socket::Description;

pub(super) struct ServeOutput<'a> {
    flags: &'a OutputFlags,
    output: &'a mut Output,
}

impl<'a> ServeOutput<'a> {
    /// No reader holds up the service.
    pub(super) fn new(flags: &'a OutputFlags, output: &'a mut Output) -> Self {
        output.never_wait();
        Self { flags, output }
    }

    pub(super) fn ready(
        &mut self,
        server: &Server,
        metrics: &[Description],
        sandbox: Option<&Applied>,
    ) {
        let rate_limit = server.rate_limit();
        if let Some(sandbox) = sandbox
            && self.should_print_sandbox(sandbox)
        {
            stderr::print(|to| report::sandbox_text(to, sandbox));
        }
        for socket in server.sockets() {
            self.print(
                |to| report::ready_json(to, socket, sandbox, rate_limit),
                |to| report::ready_text(to, socket),
            );
        }
        for socket in metrics {
            self.print(
                |to| report::metrics_json(to, socket),
                |to| report::metrics_text(to, socket),
            );
        }
        if let Some(rate) = rate_limit
            && self.is_for_people()
        {
            stderr::print(|to| report::rate_limit_text(to, rate));
        }
    }

    /// The most recent peers.
    pub(super) fn peers(&mut self, peers: &PeerTable) {
        let (peers, now) = (peers.read(), Instant::now());
        self.print(
            |to| writeln!(to, "{}", report::peers_json(&peers, now)),
            |to| report::peers_text(to, &peers, now),
        );
    }

    /// The totals include the number of dropped log lines, which the log cannot show.
    pub(super) fn totals(&mut self, stats: &Stats) {
        let dropped = stderr::dropped_lines();
        self.print(
            |to| report::totals_json(to, stats, dropped),
            |to| report::totals_text(to, stats, dropped),
        );
    }

    fn is_for_people(&self) -> bool {
        !self.flags.json && !self.flags.quiet
    }

    /// An incomplete sandbox is a warning, which no verbosity hides. A complete one is printed with `-v`
    /// alone: `-vv` shows socket calls, as in the lesson.
    fn should_print_sandbox(&self, sandbox: &Applied) -> bool {
        !self.flags.json && (!sandbox.is_complete() || self.flags.verbose == 1)
    }

    fn print(
        &mut self,
        json: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) {
        if self.flags.json {
            self.output.write(json);
        } else if !self.flags.quiet {
            stderr::print(text);
        }
    }
}
