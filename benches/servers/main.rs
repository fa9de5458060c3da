//! Side-by-side benchmarks of servers that answer in capitals: `bullhorn serve` and peers built on
//! the spot, in processes of their own, under generators that check every answer; and of the
//! generators themselves.
//!
//! Here: the command line and the order of the rounds. What is measured is in `scenario`, against
//! whom in `contender`, by whom in `generator`, how a process is pinned and timed in `process`.
//! docs/performance.md tells the method.

mod arguments;
mod contender;
mod generator;
mod load;
mod outcome;
mod process;
mod scenario;
mod table;
mod text;
mod tokio_server;
mod tools;

use arguments::{Arguments, Mode};
use contender::Contender;
use load::Load;
use outcome::Outcome;
use process::Pinning;
use scenario::{Row, Scenario};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;
use tools::Tools;

/// What may go wrong here is told to a person, not handled.
type Failure = Box<dyn std::error::Error>;

/// A measurement counts as undisturbed below this part of its time.
const CALM: f64 = 0.05;

/// Before a disturbed measurement is made again.
const PAUSE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some(tokio_server::UDP) => tokio_server::serve_datagrams(),
        Some(tokio_server::TCP) => tokio_server::serve_streams(),
        _ => run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("servers: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let arguments = Arguments::parse(arguments)?;
    if !cfg!(target_os = "linux") {
        println!(
            "servers: skipped: the peers use recvmmsg, epoll and offload, which Linux alone has"
        );
        return Ok(());
    }
    if !tools::installed("cc") {
        println!(
            "servers: skipped: there is no C compiler (cc) to build peers and generators with"
        );
        return Ok(());
    }
    let tools = tools::build()?;
    let pinning = Pinning::find(arguments.server_cpu, arguments.generator_cpu);
    match arguments.mode {
        Mode::List => {
            for scenario in scenario::all() {
                println!("{:10} {}", scenario.name, scenario.title);
            }
            Ok(())
        }
        Mode::Smoke => smoke(&tools, &pinning),
        Mode::Measure => {
            table::print_machine(&pinning);
            for scenario in arguments.scenarios()? {
                measure(&scenario, &arguments, &tools, &pinning)?;
            }
            Ok(())
        }
    }
}

/// Runs the rows one after the other, again and again, so that a slow minute of the machine falls
/// on all of them alike.
fn measure(
    scenario: &Scenario,
    arguments: &Arguments,
    tools: &Tools,
    pinning: &Pinning,
) -> Result<(), Failure> {
    let mut results: Vec<(Row, Vec<Outcome>)> = Vec::new();
    for row in scenario.rows.iter().cloned() {
        let absence = row.contender.absence(tools);
        match absence.or_else(|| row.load.generator.absence()) {
            Some(reason) => eprintln!("servers: {} is left out: {reason}", row.contender.name()),
            None => results.push((row, Vec::new())),
        }
    }
    if let Some((contender, load)) = &scenario.calibration {
        let Some(rate) = half_of_most(contender, load, arguments, tools, pinning)? else {
            return Ok(());
        };
        for (row, _) in &mut results {
            row.load = row.load.clone().at_rate(rate);
        }
    }
    for round in 1..=arguments.rounds {
        for (row, outcomes) in &mut results {
            let name = scenario.name;
            progress(&format!(
                "{name}, round {round}/{}: {}",
                arguments.rounds,
                row.label()
            ));
            let load = row.load.clone().seconds(arguments.seconds);
            outcomes.push(undisturbed(
                &row.contender,
                &load,
                arguments,
                tools,
                pinning,
            )?);
        }
    }
    progress("");
    table::print(scenario, &results);
    Ok(())
}

/// Half of what this load reaches without a rate to keep, in whole thousands a second.
fn half_of_most(
    contender: &Contender,
    load: &Load,
    arguments: &Arguments,
    tools: &Tools,
    pinning: &Pinning,
) -> Result<Option<u64>, Failure> {
    if let Some(reason) = contender.absence(tools).or(load.generator.absence()) {
        eprintln!("servers: what half of the most is cannot be found: {reason}");
        return Ok(None);
    }
    let load = load.clone().seconds(arguments.seconds);
    let most = undisturbed(contender, &load, arguments, tools, pinning)?.rate;
    Ok(Some((most / 2000.0).max(1.0) as u64 * 1000))
}

/// One line that is written over, on a terminal alone.
fn progress(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
    }
}

/// Measures again while other programs had the processors, and keeps the least disturbed outcome.
/// What chooses is the scheduler's account of waiting, never the result.
fn undisturbed(
    contender: &Contender,
    load: &Load,
    arguments: &Arguments,
    tools: &Tools,
    pinning: &Pinning,
) -> Result<Outcome, Failure> {
    let disturbance = |outcome: &Outcome| outcome.disturbance(contender.is_one_thread());
    let mut best = once(contender, load, tools, pinning)?;
    for _ in 1..arguments.attempts {
        if disturbance(&best) < CALM {
            break;
        }
        // What disturbs, a build perhaps, is seldom over at once.
        std::thread::sleep(PAUSE);
        let next = once(contender, load, tools, pinning)?;
        if disturbance(&next) < disturbance(&best) {
            best = next;
        }
    }
    Ok(best)
}

/// One server from start to end under one load.
fn once(
    contender: &Contender,
    load: &Load,
    tools: &Tools,
    pinning: &Pinning,
) -> Result<Outcome, Failure> {
    let server = contender.start(tools, pinning)?;
    let before = server.process.times();
    let group = server.process.id();
    let mut outcome = std::thread::scope(|scope| {
        if let Some(pause) = load.stop {
            let before = load.generator.before_stop();
            scope.spawn(move || {
                std::thread::sleep(before);
                process::stop_for(group, pause);
            });
        }
        load.run(server.port, tools, pinning)
    })?;
    outcome.server = server.process.times().since(before);
    outcome.totals = contender.stop(server)?;
    Ok(outcome)
}

/// A few hundred texts for every server there is: the answers count, the time does not. A peer may
/// be missing, the server under test may not.
fn smoke(tools: &Tools, pinning: &Pinning) -> Result<(), Failure> {
    for (contender, load) in scenario::smoke() {
        if let Some(reason) = contender.absence(tools) {
            if matches!(contender, Contender::Bullhorn(..)) {
                return Err(reason.into());
            }
            println!("smoke: {:24} left out: {reason}", contender.name());
            continue;
        }
        let outcome = once(&contender, &load, tools, pinning)?;
        println!(
            "smoke: {:24} {:24} {}",
            contender.name(),
            load.describe(),
            outcome.accounts()
        );
        if !outcome.all_right() {
            return Err(format!("{} gave a wrong answer or none", contender.name()).into());
        }
    }
    Ok(())
}
