//! The command line: what was typed ([`arguments`]), and for each verb a file that makes of it
//! what is meant and calls the library.
//!
//! The only place that reads arguments, the environment and the terminal, and that prints.

pub mod arguments;
mod bench;
mod demo;
mod descriptors;
mod log;
mod metrics;
mod pages;
mod ping;
mod prompt;
mod send;
mod serve;
mod service_manager;
mod usage;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::endpoint::MAX_LINE;
use crate::error::Error;
use arguments::{Arguments, Verb};

/// Parses the command line, runs the verb, and prints the one line when it fails.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed output is no reason to fail at showing help.
            let _ = match usage::line(&error) {
                Some(line) => writeln!(io::stderr(), "bullhorn: {line}"),
                None => error.print(),
            };
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
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
        Ok(code) => code.into(),
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Whoever read our output has seen enough.
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _ = writeln!(io::stderr(), "bullhorn: {failure}");
            failure.exit_code().into()
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
            Self::Output(_) | Self::File { .. } | Self::Local { .. } => 7,
        }
    }
}

/// The whole of a file that was named, which may be a device or a pipe without an end.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let fail = |source| Failure::File {
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    let length = file.take(MAX_LINE as u64 + 1).read_to_end(&mut bytes);
    if length.map_err(fail)? > MAX_LINE {
        let problem = format!("it has more than {MAX_LINE} bytes (256 MiB)");
        return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, problem)));
    }
    Ok(bytes)
}
