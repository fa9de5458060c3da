//! `bullhorn bench`: load on an endpoint, until the time is up or Ctrl-C ends it.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::arguments::Bench;
use super::{Failure, Outcome, log, signals};
use crate::bench::threshold::{Figures, Threshold};
use crate::bench::{self, Measured, Observer, Progress, Wish};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::report::bench as report;
use crate::report::bench_html;
use crate::stop::Stop;

/// How often the progress is shown.
const REFRESH: Duration = Duration::from_millis(250);

pub(super) fn run(arguments: &Bench) -> Outcome {
    log::start(&arguments.speech);
    let stop = signals::stop()?;
    let filler = arguments
        .text
        .as_deref()
        .map(|path| fs::read(path).map_err(local("read the file of the texts")));
    let settings = arguments.settings(filler.transpose()?);
    let baseline = arguments
        .baseline
        .as_deref()
        .map(read_baseline)
        .transpose()?;
    if baseline.is_none() && arguments.fail_if.iter().any(Threshold::needs_baseline) {
        return Err(usage(
            "a threshold with + or - is about an earlier result: name it with --baseline",
        ));
    }
    let mut watch = Watch::new(arguments, stop.clone());
    let result = bench::run(&arguments.endpoint, &settings, &stop, &mut watch);
    watch.clear();
    let measured = result?;

    let figures = Figures::of(&measured);
    let thresholds = arguments.fail_if.iter();
    let crossed: Vec<&Threshold> = thresholds
        .filter(|threshold| threshold.is_crossed(&figures, baseline.as_ref()))
        .collect();
    let mut stdout = io::stdout().lock();
    let written = if arguments.speech.json {
        report::summary_json(&mut stdout, &measured, &crossed)
    } else {
        report::text(&mut stdout, &measured)
    };
    written
        .and_then(|()| stdout.flush())
        .map_err(Failure::Output)?;
    for threshold in &crossed {
        report::crossed(&mut io::stderr(), threshold).map_err(Failure::Output)?;
    }
    if let Some(path) = &arguments.html {
        let mut page = Vec::new();
        bench_html::page(&mut page, &measured).map_err(Failure::Output)?;
        fs::write(path, page).map_err(local("write the page"))?;
    }
    Ok(exit_code(
        &measured,
        !crossed.is_empty(),
        &arguments.fail_if,
    ))
}

fn local(operation: &'static str) -> impl Fn(io::Error) -> Failure {
    move |source| Failure::Local { operation, source }
}

fn usage(problem: impl Into<String>) -> Failure {
    Failure::Library(Error::Usage(problem.into()))
}

fn read_baseline(path: &Path) -> Result<Figures, Failure> {
    let text = fs::read_to_string(path).map_err(local("read the baseline"))?;
    report::read_figures(&text)
        .map_err(|problem| usage(format!("{} is no baseline: {problem}", path.display())))
}

fn exit_code(measured: &Measured, is_crossed: bool, thresholds: &[Threshold]) -> u8 {
    let counts = &measured.record.counts;
    // A threshold for the loss says how much of it is well.
    let is_loss_judged = thresholds.iter().any(Threshold::is_about_loss);
    if counts.corrupt + counts.stray > 0 {
        3
    } else if counts.sent > counts.pending && counts.ok == 0 {
        5
    } else if is_crossed || measured.is_below_request() || counts.lost > 0 && !is_loss_judged {
        1
    } else {
        0
    }
}

/// Shows the progress on a terminal, and passes the stop on.
struct Watch<'a> {
    arguments: &'a Bench,
    stop: Stop,
    shows: bool,
    shown: Instant,
    last_ok: u64,
}

impl<'a> Watch<'a> {
    fn new(arguments: &'a Bench, stop: Stop) -> Self {
        Self {
            arguments,
            stop,
            shows: io::stderr().is_terminal() && !arguments.speech.quiet,
            shown: Instant::now(),
            last_ok: 0,
        }
    }

    /// Takes the line of the progress away.
    fn clear(&self) {
        if self.shows {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Observer for Watch<'_> {
    fn using(&mut self, endpoint: &Endpoint) {
        log::using(endpoint, &self.arguments.endpoint, &self.arguments.speech);
    }

    fn tick(&mut self, progress: &Progress) -> Wish {
        let passed = self.shown.elapsed();
        if self.shows && passed >= REFRESH {
            let rate = progress.ok.saturating_sub(self.last_ok) as f64 / passed.as_secs_f64();
            let line = report::progress(progress, rate);
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
            self.shown = Instant::now();
            self.last_ok = progress.ok;
        }
        match (self.stop.is_stopped(), self.stop.is_at_once()) {
            (false, _) => Wish::GoOn,
            (true, false) => Wish::Stop,
            (true, true) => Wish::BreakOff,
        }
    }
}
