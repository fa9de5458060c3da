//! The command line: what was typed ([`arguments`]), and for each verb a file that makes of it
//! what is meant and calls the library.
//!
//! The only place that reads arguments, the environment and the terminal, and that prints.

pub mod arguments;
mod bench;
mod demo;
mod descriptors;
mod line_writer;
mod log;
mod metrics;
mod pages;
mod panics;
mod ping;
mod prompt;
mod send;
mod serve;
mod serve_output;
mod service_manager;
mod stderr;
mod stop_signals;
mod usage;

use std::io;
use std::panic;
use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use arguments::{Arguments, Verb};

/// Parses the command line, runs the verb, and prints the one line when it fails.
pub fn main() -> ExitCode {
    panics::report();
    // A panic has said what it is.
    let code = panic::catch_unwind(run).unwrap_or(7);
    stderr::finish();
    code.into()
}

fn run() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            match usage::line(&error) {
                Some(line) => stderr::line(format_args!("bullhorn: {line}")),
                // A closed output is no reason to fail at showing help.
                None => drop(error.print()),
            }
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let result = match arguments.verb {
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Send(arguments) => send::run(&arguments),
        Verb::Ping(arguments) => ping::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Completions { shell } => pages::completions(shell),
        Verb::Man { directory } => pages::man(directory.as_deref()),
    };
    match result {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(failure) => {
            stderr::line(format_args!("bullhorn: {failure}"));
            failure.exit_code()
        }
    }
}

/// The exit code of a verb that came to its end, see the table in the help text.
type Outcome = Result<u8, Failure>;

/// Why a verb did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Library(#[from] Error),
    #[error("cannot write the output: {}", crate::error::plain(.0))]
    Output(#[source] io::Error),
    #[error("cannot read {}: {}", path.display(), crate::error::plain(source))]
    File {
        path: std::path::PathBuf,
        source: io::Error,
    },
    /// A part of us that works for as long as we do.
    #[error("{0} ended unexpectedly")]
    Ended(String),
    #[error("cannot {operation}: {}", crate::error::plain(source))]
    Local {
        operation: &'static str,
        source: io::Error,
    },
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Library(error) => error.exit_code(),
            Self::Output(_) | Self::File { .. } | Self::Ended(_) | Self::Local { .. } => 7,
        }
    }
}
