//! `bullhorn ping`: from the arguments to a run, with a line for each event.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::arguments::Ping;
use super::{Failure, Outcome, log, read_file};
use crate::endpoint::Endpoint;
use crate::probe::{self, ArrivalKind, Begin, Control, Counts, Event, Observer, Summary};
use crate::report::live::LiveLine;
use crate::report::ping as report;

pub(super) fn run(arguments: &Ping) -> Outcome {
    log::start(&arguments.speech);
    let filler = arguments.text.as_deref().map(read_file).transpose()?;
    let settings = arguments.settings(filler);
    let control = Control::new().map_err(|source| Failure::Local {
        operation: "make a pipe",
        source,
    })?;
    listen_for_signals(control.clone()).map_err(|source| Failure::Local {
        operation: "listen for signals",
        source,
    })?;
    let mut printer = Printer::new(arguments);
    let result = probe::run(&arguments.endpoint, &settings, &control, &mut printer);
    if let Some(error) = printer.output_error.take() {
        return Err(Failure::Output(error));
    }
    let summary = result?;
    printer
        .write(|printer, to| printer.summary(to, &summary))
        .map_err(Failure::Output)?;
    Ok(summary.exit_code(settings.expect))
}

/// SIGQUIT asks how it stands, as with ping(8); SIGINT and SIGTERM end the run.
fn listen_for_signals(control: Control) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGQUIT => control.report(),
                    _ => control.stop(),
                }
            }
        })?;
    Ok(())
}

struct Printer<'a> {
    arguments: &'a Ping,
    endpoint: Endpoint,
    start: Instant,
    /// On a terminal: the line that stands for all ordinary answers.
    live: Option<LiveLine>,
    output_error: Option<io::Error>,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Ping) -> Self {
        let speech = &arguments.speech;
        let is_live = io::stdout().is_terminal() && !speech.quiet && !speech.json;
        Self {
            arguments,
            endpoint: arguments.endpoint.clone(),
            start: Instant::now(),
            live: is_live.then(LiveLine::default),
            output_error: None,
        }
    }

    /// Writes, and flushes, so that a line is seen when it is written.
    fn write(
        &mut self,
        write: impl FnOnce(&mut Self, &mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        write(self, &mut stdout)?;
        stdout.flush()
    }

    /// As [`Self::write`]; a failed output ends the run.
    fn tell(
        &mut self,
        write: impl FnOnce(&mut Self, &mut dyn Write) -> io::Result<()>,
    ) -> ControlFlow<()> {
        match self.write(write) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.output_error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn summary(&mut self, to: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        if self.arguments.speech.json {
            return report::summary_json(to, summary, true);
        }
        if let Some(live) = &mut self.live {
            live.clear(to)?;
        }
        report::summary_text(to, summary)?;
        match self.arguments.expect {
            None => Ok(()),
            Some(expected) if summary.is_as_expected(expected) => {
                writeln!(to, "{expected}, as expected")
            }
            Some(expected) => {
                writeln!(to, "expected {expected}, found {}", summary.behaviour())
            }
        }
    }
}

impl Observer for Printer<'_> {
    fn begin(&mut self, begin: &Begin<'_>) -> ControlFlow<()> {
        self.endpoint = begin.endpoint.clone();
        self.start = begin.start;
        let speech = &self.arguments.speech;
        match (speech.json, speech.quiet) {
            (true, _) => self.tell(|_, to| report::begin_json(to, begin)),
            (_, true) => ControlFlow::Continue(()),
            _ => self.tell(|_, to| report::begin_text(to, begin)),
        }
    }

    fn event(&mut self, at: Duration, event: &Event, counts: &Counts) -> ControlFlow<()> {
        let speech = &self.arguments.speech;
        if speech.json {
            let start = self.start;
            return self.tell(|_, to| report::event_json(to, start, at, event));
        }
        if speech.quiet {
            return ControlFlow::Continue(());
        }
        self.tell(|printer, to| {
            let Some(live) = &mut printer.live else {
                return report::event_text(to, &printer.endpoint, printer.start, event);
            };
            let is_ordinary = match event {
                Event::Answer {
                    kind: ArrivalKind::InTime,
                    round_trip,
                    reordered: false,
                    problem: None,
                    ..
                } => {
                    live.push(*round_trip);
                    true
                }
                Event::Lost { .. } => {
                    live.push(None);
                    false
                }
                _ => false,
            };
            if !is_ordinary {
                live.clear(to)?;
                report::event_text(to, &printer.endpoint, printer.start, event)?;
            }
            let columns = terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into());
            live.draw(to, counts, columns)
        })
    }

    fn interim(&mut self, summary: &Summary) -> ControlFlow<()> {
        let json = self.arguments.speech.json;
        self.tell(|printer, to| {
            if json {
                return report::summary_json(to, summary, false);
            }
            if let Some(live) = &mut printer.live {
                live.clear(to)?;
            }
            report::summary_text(to, summary)
        })
    }
}
