//! Measurements: one server process under one generator, repeated while other programs disturb it.

use crate::arguments::Arguments;
use crate::contender::Contender;
use crate::failure::Failure;
use crate::load::Load;
use crate::outcome::Outcome;
use crate::process::{self, Pinning};
use crate::row::Row;
use crate::scenario::Scenario;
use crate::table;
use crate::tools::Tools;
use std::io::IsTerminal;
use std::time::Duration;

/// A measurement counts as undisturbed below this share of its time.
const MAX_DISTURBANCE: f64 = 0.05;

/// The pause before a disturbed measurement is repeated: a build, for example, takes a while.
const RETRY_PAUSE: Duration = Duration::from_secs(3);

pub(crate) struct Harness {
    pub(crate) arguments: Arguments,
    pub(crate) tools: Tools,
    pub(crate) pinning: Pinning,
}

impl Harness {
    /// Measures the rows one after the other in each round, so that a slow minute of the machine
    /// affects all of them alike, and prints their table.
    pub(crate) fn measure(&self, scenario: &Scenario) -> Result<(), Failure> {
        let rows = scenario.rows().into_iter();
        let mut results: Vec<(Row, Vec<Outcome>)> = rows
            .filter(|row| self.is_available(&row.contender, &row.load))
            .map(|row| (row, Vec::new()))
            .collect();
        if let Some(calibration) = scenario.calibration {
            let (contender, load) = calibration();
            if !self.is_available(&contender, &load) {
                return Ok(());
            }
            let rate = self.half_of_max_rate(&contender, load)?;
            for (row, _) in &mut results {
                row.load = row.load.clone().at_rate(rate);
            }
        }
        let rounds = self.arguments.rounds;
        for round in 1..=rounds {
            for (row, outcomes) in &mut results {
                let label = row.label();
                show_progress(&format!(
                    "{}, round {round}/{rounds}: {label}",
                    scenario.name
                ));
                let load = row.load.clone().seconds(self.arguments.seconds);
                outcomes.push(self.run_undisturbed(&row.contender, &load)?);
            }
        }
        show_progress("");
        table::print(scenario, &results);
        Ok(())
    }

    fn is_available(&self, contender: &Contender, load: &Load) -> bool {
        let reason = contender.unavailable(&self.tools);
        let reason = reason.or_else(|| load.generator.unavailable());
        if let Some(reason) = &reason {
            eprintln!("servers: {} is skipped: {reason}", contender.name());
        }
        reason.is_none()
    }

    /// Half of what this load reaches without a rate, in whole thousands per second.
    fn half_of_max_rate(&self, contender: &Contender, load: Load) -> Result<u64, Failure> {
        let load = load.seconds(self.arguments.seconds);
        let max = self.run_undisturbed(contender, &load)?.rate;
        Ok((max / 2000.0).max(1.0) as u64 * 1000)
    }

    /// Repeats a disturbed measurement, and keeps the least disturbed outcome. It is chosen by the
    /// scheduler's account of waiting, never by the result.
    fn run_undisturbed(&self, contender: &Contender, load: &Load) -> Result<Outcome, Failure> {
        let disturbance = |outcome: &Outcome| outcome.disturbance(contender.is_one_thread());
        let mut best = self.run_once(contender, load)?;
        for _ in 1..self.arguments.attempts {
            if disturbance(&best) < MAX_DISTURBANCE {
                break;
            }
            std::thread::sleep(RETRY_PAUSE);
            let next = self.run_once(contender, load)?;
            if disturbance(&next) < disturbance(&best) {
                best = next;
            }
        }
        Ok(best)
    }

    /// Starts a server, puts one load on it, and stops it.
    pub(crate) fn run_once(&self, contender: &Contender, load: &Load) -> Result<Outcome, Failure> {
        let server = contender.start(&self.tools, &self.pinning)?;
        let before = server.process.times();
        let group = server.process.id();
        let mut outcome = std::thread::scope(|scope| {
            if let Some(pause) = load.stop {
                let before = load.generator.time_before_stop();
                scope.spawn(move || {
                    std::thread::sleep(before);
                    process::stop_for(group, pause);
                });
            }
            load.run(server.port, &self.tools, &self.pinning)
        })?;
        outcome.server = server.process.times().since(before);
        outcome.totals = contender.stop(server)?;
        Ok(outcome)
    }
}

/// Overwrites one line, on a terminal only.
fn show_progress(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}
