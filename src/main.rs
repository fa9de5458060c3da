//! The program: see `bullhorn --help`.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic where nobody reads.

mod cli;
mod host;
mod http;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
