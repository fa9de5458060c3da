//! The command line: the arguments as typed ([`arguments`]), and a file per verb that turns them
//! into settings and calls the library.
//!
//! Only this module reads arguments, the environment and the terminal, and only it prints.

pub(crate) mod arguments;
mod bench;
mod demo;
#[cfg(target_os = "linux")]
mod demo_name;
#[cfg(not(target_os = "linux"))]
#[path = "demo_name_elsewhere.rs"]
mod demo_name;
mod exit_code;
mod failure;
mod hints;
mod input_file;
mod log;
mod output;
mod pages;
mod panics;
mod ping;
mod send;
mod serve;
mod signals;
mod stderr;
mod sweep;
mod trace;
mod usage;
mod writer;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use signal_hook::consts::SIGXFSZ;

use arguments::Verb;
use bullhorn_socket::check_needed_calls;
use exit_code::ExitCode;
use failure::{Failure, Outcome};
use output::Output;

/// Parses the command line, runs the verb, and prints one line when it fails.
pub(crate) fn main() -> std::process::ExitCode {
    // With a handler, a write beyond the file size limit (`ulimit -f`) fails with EFBIG instead of
    // killing the process.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    panics::report();
    let mut output = Output::default();
    // The hook has reported the panic.
    let code = panic::catch_unwind(AssertUnwindSafe(|| parse_and_run(&mut output)));
    let code = output.finish(code.unwrap_or(ExitCode::Local));
    stderr::finish();
    code.code().into()
}

fn parse_and_run(output: &mut Output) -> ExitCode {
    match arguments::parse() {
        Ok(verb) => run(verb, output),
        Err(error) => usage::show(&error, output),
    }
}

fn run(verb: Verb, output: &mut Output) -> ExitCode {
    match start(verb, output) {
        Ok(code) => code,
        Err(failure) => {
            output.flush();
            failure.report()
        }
    }
}

fn start(verb: Verb, output: &mut Output) -> Outcome {
    if !matches!(verb, Verb::Completions { .. } | Verb::Man { .. }) {
        check_needed_calls().map_err(|source| Failure::Local {
            operation: "start",
            source,
        })?;
    }
    match verb {
        Verb::Serve(arguments) => serve::run(&arguments, output),
        Verb::Send(arguments) => send::run(&arguments, output),
        Verb::Ping(arguments) => ping::run(&arguments, output),
        Verb::Bench(arguments) => bench::run(&arguments, output),
        Verb::Demo(arguments) => demo::run(&arguments, output),
        Verb::Completions { shell } => pages::completions(shell, output),
        Verb::Man { directory } => pages::man(directory.as_deref(), output),
    }
}
