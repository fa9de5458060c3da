//! What `bullhorn serve` prints: ready lines and totals, as text or as JSON Lines. Nothing here
//! waits for a reader, so that no output can delay the service.

use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::cli::arguments::OutputFlags;
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::line_writer::LineWriter;
use crate::cli::stderr;
use crate::report::serve as report;
use bullhorn::sandbox::Applied;
use bullhorn_server::stats::Stats;
use bullhorn_server::{PeerTable, Server};
use bullhorn_socket::Description;

pub(super) struct ServeOutput<'a> {
    flags: &'a OutputFlags,
    stdout: LineWriter<BorrowedFd<'static>>,
}

impl<'a> ServeOutput<'a> {
    pub(super) fn new(flags: &'a OutputFlags) -> Self {
        let stdout = LineWriter::new(rustix::stdio::stdout(), None);
        stdout.start();
        Self { flags, stdout }
    }

    pub(super) fn ready(
        &self,
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
    pub(super) fn peers(&self, peers: &PeerTable) {
        let (peers, now) = (peers.read(), Instant::now());
        self.print(
            |to| writeln!(to, "{}", report::peers_json(&peers, now)),
            |to| report::peers_text(to, &peers, now),
        );
    }

    /// The totals include the dropped log lines, as the log could not show them.
    pub(super) fn totals(&self, stats: &Stats) {
        let dropped = stderr::dropped_lines();
        self.print(
            |to| report::totals_json(to, stats, dropped),
            |to| report::totals_text(to, stats, dropped),
        );
    }

    /// The exit code of the verb, or the failure of the output if all else succeeded. A closed pipe
    /// is not a failure.
    pub(super) fn finish(self, result: Outcome) -> Outcome {
        match (self.stdout.finish(), result) {
            (Err(error), Ok(ExitCode::Success)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::Output(error))
            }
            (Err(error), result) if error.kind() != io::ErrorKind::BrokenPipe => {
                stderr::line(format_args!("bullhorn: {}", Failure::Output(error)));
                result
            }
            (_, result) => result,
        }
    }

    fn is_for_people(&self) -> bool {
        !self.flags.json && !self.flags.quiet
    }

    /// A sandbox that lacks something is a warning at every verbosity. A complete one is printed
    /// only with `-v`: `-vv` shows socket calls, as the lesson quotes them.
    fn should_print_sandbox(&self, sandbox: &Applied) -> bool {
        !self.flags.json && (!sandbox.is_complete() || self.flags.verbose == 1)
    }

    fn print(
        &self,
        json: impl FnOnce(&mut dyn Write) -> io::Result<()>,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) {
        if self.flags.json {
            let mut line = Vec::new();
            // Writing to memory cannot fail.
            let _ = json(&mut line);
            self.stdout.push(line);
        } else if !self.flags.quiet {
            stderr::print(text);
        }
    }
}
