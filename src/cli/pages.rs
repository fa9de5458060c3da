//! The man page and the completions, made from the definition of the arguments.

use std::path::Path;

use clap::CommandFactory;

use super::arguments::Arguments;
use super::exit_code::ExitCode;
use super::failure::{Failure, Outcome};
use super::output::Output;

/// Prints the completions for `shell`.
pub(super) fn completions(shell: clap_complete::Shell, output: &mut Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bullhorn", &mut script);
    output.write(|to| to.write_all(&script));
    Ok(ExitCode::Success)
}

/// Prints the man page, or writes a page for the program and one for each verb.
pub(super) fn man(directory: Option<&Path>, output: &mut Output) -> Outcome {
    match directory {
        None => output.write(|mut to| clap_mangen::Man::new(Arguments::command()).render(&mut to)),
        Some(directory) => clap_mangen::generate_to(Arguments::command(), directory)
            .map_err(Failure::file("write the man pages into", directory))?,
    }
    Ok(ExitCode::Success)
}
