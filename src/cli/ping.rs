//! `bullhorn ping`: from the arguments to a run, with a line for each event.

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::arguments::Ping;
use super::exit_code::ExitCode;
use super::failure::Outcome;
use super::output::Output;
use super::{input_file, log, signals, sweep, trace};
use crate::report::ping as report;
use crate::report::ping::LiveLine;
use bullhorn_client::ping::{ArrivalKind, Begin, Counts, Event, Observer, Summary};
use bullhorn_socket::endpoint::Endpoint;

pub(super) fn run(arguments: &Ping, output: &mut Output) -> Outcome {
    if arguments.trace {
        return trace::run(arguments, output);
    }
    if let Some(sizes) = arguments.sweep {
        return sweep::run(arguments, sizes, output);
    }
    log::start(&arguments.output);
    let control = signals::control(output)?;
    let filler = arguments
        .text
        .as_deref()
        .map(input_file::read)
        .transpose()?;
    let settings = arguments.settings(filler);
    output.never_wait();
    let mut printer = Printer::new(arguments, output);
    let summary =
        bullhorn_client::ping::run(&arguments.endpoint, &settings, &control, &mut printer)?;
    printer.finish(&summary);
    Ok(ExitCode::of_ping(&summary, settings.expect))
}

struct Printer<'a> {
    arguments: &'a Ping,
    endpoint: Endpoint,
    start: Instant,
    /// On a terminal: the line that replaces the lines of ordinary answers.
    live: Option<LiveLine>,
    output: &'a mut Output,
}

impl<'a> Printer<'a> {
    fn new(arguments: &'a Ping, output: &'a mut Output) -> Self {
        let flags = &arguments.output;
        let is_live = io::stdout().is_terminal() && !flags.quiet && !flags.json;
        Self {
            arguments,
            endpoint: arguments.endpoint.clone(),
            start: Instant::now(),
            live: is_live.then(LiveLine::default),
            output,
        }
    }

    fn finish(&mut self, summary: &Summary) {
        let dropped = self.output.dropped();
        let live = &mut self.live;
        let Ping {
            output: flags,
            expect,
            ..
        } = self.arguments;
        self.output.write(|to| {
            if flags.json {
                return report::summary_json(to, summary, dropped, true);
            }
            if let Some(live) = live {
                live.clear(to)?;
            }
            report::summary_text(to, summary, dropped)?;
            match *expect {
                None => Ok(()),
                Some(expected) => report::verdict_text(to, summary, expected),
            }
        });
    }

    /// On a terminal an ordinary answer changes the live line; anything else is a line above it.
    fn show(&mut self, event: &Event, counts: &Counts) {
        let (endpoint, start) = (&self.endpoint, self.start);
        let Some(live) = &mut self.live else {
            return self
                .output
                .event(|to| report::event_text(to, endpoint, start, event));
        };
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into());
        match event {
            Event::Answer {
                kind: ArrivalKind::InTime,
                round_trip,
                reordered: false,
                problem: None,
                ..
            } => {
                if round_trip.is_some() {
                    live.push(*round_trip);
                }
                return self.output.draw(|to| live.draw(to, counts, columns));
            }
            Event::Lost { .. } => live.push(None),
            _ => {}
        }
        self.output.event(|to| {
            live.clear(to)?;
            report::event_text(to, endpoint, start, event)?;
            live.draw(to, counts, columns)
        });
    }
}

impl Observer for Printer<'_> {
    fn begin(&mut self, begin: &Begin<'_>) -> ControlFlow<()> {
        self.endpoint = begin.endpoint.clone();
        self.start = begin.start;
        let flags = &self.arguments.output;
        match (flags.json, flags.quiet) {
            (true, _) => self.output.event(|to| report::begin_json(to, begin)),
            (_, true) => {}
            _ => self.output.event(|to| report::begin_text(to, begin)),
        }
        ControlFlow::Continue(())
    }

    fn event(&mut self, _: usize, at: Duration, event: &Event, counts: &Counts) -> ControlFlow<()> {
        let flags = &self.arguments.output;
        let start = self.start;
        match (flags.json, flags.quiet) {
            (true, _) => self
                .output
                .event(|to| report::event_json(to, start, at, event)),
            (_, true) => {}
            _ => self.show(event, counts),
        }
        if let Event::AddressChanged { to, .. } = event {
            self.endpoint = to.clone();
        }
        ControlFlow::Continue(())
    }

    fn interim(&mut self, _: usize, summary: &Summary) -> ControlFlow<()> {
        let json = self.arguments.output.json;
        let dropped = self.output.dropped();
        let live = &mut self.live;
        self.output.event(|to| {
            if json {
                return report::summary_json(to, summary, dropped, false);
            }
            if let Some(live) = live {
                live.clear(to)?;
            }
            report::summary_text(to, summary, dropped)
        });
        ControlFlow::Continue(())
    }
}
