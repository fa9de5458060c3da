//! `bullhorn bench`: load on an endpoint, until the time is up or Ctrl-C ends it.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::arguments::Bench;
use super::{Failure, Outcome, log, read_file};
use crate::bench::threshold::{Figures, Threshold};
use crate::bench::{self, Measured, Observer, Progress, Wish};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::report::bench as report;
use crate::report::bench_html;

/// How often the progress is shown.
const REFRESH: Duration = Duration::from_millis(250);

pub(super) fn run(arguments: &Bench) -> Outcome {
    log::start(&arguments.speech);
    let filler = arguments.text.as_deref().map(read_file).transpose()?;
    let settings = arguments.settings(filler);
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
    let mut watch = Watch::new(arguments)?;
    let result = bench::run(&arguments.endpoint, &settings, &mut watch);
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
    let text = read_file(path)?;
    report::read_figures(&String::from_utf8_lossy(&text))
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

/// Shows the progress on a terminal, and hears Ctrl-C: once to end early, twice to end at once.
struct Watch<'a> {
    arguments: &'a Bench,
    interrupted: Arc<AtomicBool>,
    wish: Wish,
    shows: bool,
    shown: Instant,
    last_ok: u64,
}

impl<'a> Watch<'a> {
    fn new(arguments: &'a Bench) -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .map_err(local("listen for signals"))?;
        }
        Ok(Self {
            arguments,
            interrupted,
            wish: Wish::GoOn,
            shows: io::stderr().is_terminal() && !arguments.speech.quiet,
            shown: Instant::now(),
            last_ok: 0,
        })
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
        if self.interrupted.swap(false, Ordering::Relaxed) {
            self.wish = match self.wish {
                Wish::GoOn => Wish::Stop,
                Wish::Stop | Wish::BreakOff => Wish::BreakOff,
            };
        }
        let passed = self.shown.elapsed();
        if self.shows && passed >= REFRESH {
            let rate = progress.ok.saturating_sub(self.last_ok) as f64 / passed.as_secs_f64();
            let line = report::progress(progress, rate);
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
            self.shown = Instant::now();
            self.last_ok = progress.ok;
        }
        self.wish
    }
}
