//! `bullhorn bench`: load on an endpoint, until the time is up or Ctrl-C ends it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::arguments::Bench;
use super::exit_code::ExitCode;
use super::failure::{Failure, Outcome};
use super::output::Output;
use super::stderr;
use super::{hints, input_file, log, signals};
use crate::report::bench as report;
use bullhorn_client::bench::{self, Control, Figures, Observer, Progress, RunResult, Threshold};
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::Endpoint;

/// How often the progress is shown.
const REFRESH: Duration = Duration::from_millis(250);

pub(super) fn run(arguments: &Bench, output: &mut Output) -> Outcome {
    log::start(&arguments.output);
    let stop = signals::stop(output)?;
    let filler = arguments
        .text
        .as_deref()
        .map(input_file::read)
        .transpose()?;
    let settings = arguments.settings(filler);
    let baseline = arguments
        .baseline
        .as_deref()
        .map(read_baseline)
        .transpose()?;
    if baseline.is_none() && arguments.fail_if.iter().any(Threshold::needs_baseline) {
        let problem = "a threshold with + or - is about an earlier result: name it with --baseline";
        return Err(Failure::Usage(problem.to_owned()));
    }
    let page = arguments.html.as_deref().map(Page::open).transpose()?;
    let mut watch = Watch::new(arguments, stop.clone());
    output.never_wait();
    let result = bench::run(&arguments.endpoint, &settings, &stop, &mut watch);
    watch.clear();
    let measured = result?;

    let figures = Figures::of(&measured);
    let thresholds = arguments.fail_if.iter();
    let crossed: Vec<&Threshold> = thresholds
        .filter(|threshold| threshold.is_crossed(&figures, baseline.as_ref()))
        .collect();
    let hint = hints::for_loss(&measured);
    output.write(|to| match arguments.output.json {
        true => report::summary_json(to, &measured, &crossed, hint.as_deref()),
        false => report::text(to, &measured, hint.as_deref()),
    });
    let page = page.map_or(Ok(()), |page| page.write(&measured));
    output.flush();
    let crossings = crossed.iter();
    for crossing in crossings.filter_map(|crossed| crossed.crossing(&figures, baseline.as_ref())) {
        stderr::print(|to| report::crossed(to, &crossing));
    }
    let code = exit_code(&measured, !crossed.is_empty(), &arguments.fail_if);
    match page {
        Err(failure) if code == ExitCode::Success => Err(failure),
        Err(failure) => {
            failure.report();
            Ok(code)
        }
        Ok(()) => Ok(code),
    }
}

/// The file for the result as a page: opened before the run, changed only after it.
struct Page<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Page<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).open(path);
        let file = file.map_err(Failure::file("write", path))?;
        Ok(Self { path, file })
    }

    fn write(mut self, measured: &RunResult) -> Result<(), Failure> {
        let mut page = Vec::new();
        let mut write = || {
            report::page(&mut page, measured)?;
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.file.write_all(&page)
        };
        write().map_err(Failure::file("write", self.path))
    }
}

fn read_baseline(path: &Path) -> Result<Figures, Failure> {
    let text = input_file::read(path)?;
    report::read_figures(&String::from_utf8_lossy(&text)).map_err(|problem| {
        Failure::Usage(format!("{} is not a baseline: {problem}", path.display()))
    })
}

fn exit_code(measured: &RunResult, is_crossed: bool, thresholds: &[Threshold]) -> ExitCode {
    let counts = &measured.record.counts;
    // A threshold for the loss defines how much of it is acceptable.
    let is_loss_judged = thresholds.iter().any(Threshold::is_about_loss);
    if counts.corrupt + counts.stray > 0 {
        ExitCode::WrongAnswer
    } else if counts.sent > 0 && counts.ok == 0 {
        ExitCode::NoAnswer
    } else if is_crossed || measured.is_below_request() || counts.lost > 0 && !is_loss_judged {
        ExitCode::Partial
    } else {
        ExitCode::Success
    }
}

/// Shows the progress on a terminal, and forwards the stop.
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
            shows: io::stderr().is_terminal() && !arguments.output.quiet,
            shown: Instant::now(),
            last_ok: 0,
        }
    }

    /// Erases the progress line.
    fn clear(&self) {
        if self.shows {
            stderr::print(|to| write!(to, "\r\x1b[K"));
        }
    }
}

impl Observer for Watch<'_> {
    fn using(&mut self, endpoint: &Endpoint) {
        log::using(endpoint, &self.arguments.endpoint, &self.arguments.output);
    }

    fn tick(&mut self, progress: &Progress) -> Control {
        let passed = self.shown.elapsed();
        if self.shows && passed >= REFRESH {
            let rate = progress.ok.saturating_sub(self.last_ok) as f64 / passed.as_secs_f64();
            let line = report::progress(progress, rate);
            stderr::draw(format_args!("\r{line}\x1b[K"));
            self.shown = Instant::now();
            self.last_ok = progress.ok;
        }
        match (self.stop.is_stopped(), self.stop.is_at_once()) {
            (false, _) => Control::Continue,
            (true, false) => Control::Stop,
            (true, true) => Control::Abort,
        }
    }
}
