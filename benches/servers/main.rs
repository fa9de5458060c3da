//! Side-by-side benchmarks of servers that answer in capitals: `bullhorn serve` and peers built on
//! the spot, in separate processes, under generators that check every answer; and of the generators
//! themselves.
//!
//! A `scenario` has rows: a `contender`, which is a server, under a `load` by a `generator`. The
//! `harness` measures them in alternating rounds, and the `table` shows their `outcome`s. How a
//! process is pinned and timed is in `process`. docs/performance.md describes the method.

mod arguments;
mod contender;
mod failure;
mod generator;
mod generator_rows;
mod harness;
mod load;
mod outcome;
mod process;
mod row;
mod scenario;
mod server_rows;
mod smoke;
mod table;
mod text;
mod tokio_server;
mod tools;

use arguments::{Arguments, Mode};
use failure::Failure;
use harness::Harness;
use process::Pinning;
use std::process::ExitCode;

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
        println!("servers: skipped: the peers use recvmmsg, epoll and offload, which need Linux");
        return Ok(());
    }
    if !tools::is_installed("cc") {
        println!("servers: skipped: no C compiler (cc) to build the peers and generators");
        return Ok(());
    }
    let harness = Harness {
        tools: tools::build()?,
        pinning: Pinning::new(arguments.server_cpu, arguments.generator_cpu),
        arguments,
    };
    match harness.arguments.mode {
        Mode::List => {
            for scenario in scenario::ALL {
                println!("{:10} {}", scenario.name, scenario.title);
            }
        }
        Mode::Smoke => smoke::run(&harness)?,
        Mode::Measure => {
            table::print_machine(&harness.pinning);
            for scenario in harness.arguments.scenarios()? {
                harness.measure(&scenario)?;
            }
        }
    }
    Ok(())
}
