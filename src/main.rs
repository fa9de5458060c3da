//! The program: see `bullhorn --help`.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the pipe is closed.

mod cli;
mod host;
mod http;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
