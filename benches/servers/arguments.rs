//! What was typed after `cargo bench --bench servers --`, and what cargo itself adds.

use crate::Failure;
use crate::scenario::{self, Scenario};

const USAGE: &str = "cargo bench --bench servers -- [SCENARIO]... [--rounds N] [--seconds S] \
                     [--attempts N] [--server-cpu N] [--generator-cpu N] [--smoke | --list]";

/// The scenarios of a run that names none.
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
    /// So often is a measurement made at most, while other programs disturb it.
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
        // `cargo bench` passes --bench; `cargo test --benches` does not, and wants no measuring.
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

    /// The scenarios that were named, in the order they were named, else the quick ones.
    pub(crate) fn scenarios(&self) -> Result<Vec<Scenario>, Failure> {
        let quick = || QUICK.iter().map(|name| (*name).to_owned()).collect();
        let names: Vec<String> = if self.names.is_empty() {
            quick()
        } else {
            self.names.clone()
        };
        let mut chosen = Vec::new();
        for name in names {
            let mut known = scenario::all();
            let found = known.iter().position(|scenario| scenario.name == name);
            let index = found.ok_or(format!("no scenario {name}; --list names them"))?;
            chosen.push(known.swap_remove(index));
        }
        Ok(chosen)
    }
}
