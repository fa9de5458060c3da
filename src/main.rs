//! The command line of Bullhorn: see `bullhorn --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bullhorn::cli::main()
}
