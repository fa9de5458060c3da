//! The command line: what was typed ([`arguments`]), and for each verb a file that makes of it
//! what is meant and calls the library.
//!
//! The only place that reads arguments, the environment and the terminal, and that prints.

pub(crate) mod arguments;
mod bench;
mod demo;
mod descriptors;
mod line_writer;
mod log;
mod metrics;
mod output;
mod pages;
mod panics;
mod ping;
mod prompt;
mod send;
mod serve;
mod serve_output;
mod service_manager;
mod signals;
mod stderr;
mod stop_signals;
mod usage;

use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use signal_hook::consts::SIGXFSZ;

use arguments::{Arguments, Verb};
use bullhorn_socket::endpoint::MAX_LINE;
use bullhorn_socket::error::Error;
use bullhorn_socket::refusal::check_needed_calls;
use output::Output;

/// Parses the command line, runs the verb, and prints the one line when it fails.
pub(crate) fn main() -> ExitCode {
    // A write beyond the limit of a file's size (`ulimit -f`) is to fail, not to kill; without this
    // handler it still would.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    panics::report();
    let mut output = Output::default();
    // A panic has said what it is.
    let code = panic::catch_unwind(AssertUnwindSafe(|| parse_and_run(&mut output)));
    let code = output.finish(code.unwrap_or(7));
    stderr::flush();
    code.into()
}

fn parse_and_run(output: &mut Output) -> u8 {
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments.verb, output),
        Err(error) => usage::show(&error, output),
    }
}

fn run(verb: Verb, output: &mut Output) -> u8 {
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
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Send(arguments) => send::run(&arguments, output),
        Verb::Ping(arguments) => ping::run(&arguments, output),
        Verb::Bench(arguments) => bench::run(&arguments, output),
        Verb::Demo(arguments) => demo::run(&arguments, output),
        Verb::Completions { shell } => pages::completions(shell, output),
        Verb::Man { directory } => pages::man(directory.as_deref(), output),
    }
}

/// The exit code of a verb that came to its end, see the table in the help text.
type Outcome = Result<u8, Failure>;

/// Why a verb did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Library(#[from] Error),
    #[error("cannot write the output: {}", bullhorn_socket::error::plain(.0))]
    Output(#[source] io::Error),
    #[error("cannot {operation} {}: {}", path.display(), bullhorn_socket::error::plain(source))]
    File {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A part of us that works for as long as we do.
    #[error("{0} ended unexpectedly")]
    Ended(String),
    #[error("cannot {operation}: {}", bullhorn_socket::error::plain(source))]
    Local {
        operation: &'static str,
        source: io::Error,
    },
}

impl Failure {
    /// What failed on which file: `read`, `write`.
    fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// Prints the one line and returns the exit code.
    fn report(&self) -> u8 {
        stderr::line(format_args!("bullhorn: {self}"));
        self.exit_code()
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Library(error) => error.exit_code(),
            Self::Output(_) | Self::File { .. } | Self::Ended(_) | Self::Local { .. } => 7,
        }
    }
}

/// The whole of a file that was named, which may be a device or a pipe without an end.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        if file.take(MAX_LINE as u64 + 1).read_to_end(&mut bytes)? > MAX_LINE {
            let problem = format!("it has more than {MAX_LINE} bytes (256 MiB)");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        Ok(bytes)
    };
    read().map_err(Failure::file("read", path))
}
