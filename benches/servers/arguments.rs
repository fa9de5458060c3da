//! The arguments after `cargo bench --bench servers --`, and those that cargo adds.

use crate::failure::Failure;
use crate::scenario::{ALL, Scenario};

const USAGE: &str = "cargo bench --bench servers -- [SCENARIO]... [--rounds N] [--seconds S] \
                     [--attempts N] [--server-cpu N] [--generator-cpu N] [--smoke | --list]";

/// The scenarios that are measured by default.
const QUICK: [&str; 4] = ["runs", "single", "roundtrip", "tcp"];

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Measure,
    Smoke,
    List,
}

/// The settings of one run.
pub(crate) struct Arguments {
    pub(crate) mode: Mode,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    /// The most times a measurement is made while other programs disturb it.
    pub(crate) attempts: usize,
    pub(crate) server_cpu: usize,
    pub(crate) generator_cpu: usize,
    names: Vec<String>,
}

impl Arguments {
    pub(crate) fn parse(typed: &[String]) -> Result<Self, Failure> {
        let mut arguments = Self {
            mode: Mode::Measure,
            rounds: 3,
            seconds: 1.0,
            attempts: 1,
            server_cpu: 0,
            generator_cpu: 1,
            names: Vec::new(),
        };
        // `cargo bench` passes --bench; `cargo test --benches` does not, and must not measure.
        if !typed.iter().any(|argument| argument == "--bench") {
            arguments.mode = Mode::Smoke;
        }
        let mut typed = typed.iter();
        while let Some(argument) = typed.next() {
            let mut value = || {
                typed
                    .next()
                    .ok_or(format!("{argument} needs a value; {USAGE}"))
            };
            match argument.as_str() {
                "--bench" => {}
                "--test" | "--smoke" => arguments.mode = Mode::Smoke,
                "--list" => arguments.mode = Mode::List,
                "--rounds" => arguments.rounds = value()?.parse::<usize>()?.max(1),
                "--seconds" => arguments.seconds = value()?.parse()?,
                "--attempts" => arguments.attempts = value()?.parse()?,
                "--server-cpu" => arguments.server_cpu = value()?.parse()?,
                "--generator-cpu" => arguments.generator_cpu = value()?.parse()?,
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}; {USAGE}").into());
                }
                name => arguments.names.push(name.to_owned()),
            }
        }
        Ok(arguments)
    }

    /// The named scenarios in the order given, or else the quick ones.
    pub(crate) fn scenarios(&self) -> Result<Vec<Scenario>, Failure> {
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        if names.is_empty() {
            names.extend(QUICK);
        }
        let find = |name: &str| {
            let found = ALL.into_iter().find(|scenario| scenario.name == name);
            found.ok_or_else(|| format!("no scenario {name}; see --list").into())
        };
        names.into_iter().map(find).collect()
    }
}
