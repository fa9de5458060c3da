//! The man page and the completions, made from the definition of the arguments.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;

use super::arguments::Arguments;
use super::{Failure, Outcome};

/// Prints the completions for `shell`.
pub(super) fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bullhorn", &mut script);
    io::stdout().write_all(&script).map_err(Failure::Output)?;
    Ok(0)
}

/// Prints the man page, or writes a page for the program and one for each verb.
pub(super) fn man(directory: Option<&Path>) -> Outcome {
    match directory {
        None => clap_mangen::Man::new(Arguments::command())
            .render(&mut io::stdout())
            .map_err(Failure::Output)?,
        Some(directory) => {
            clap_mangen::generate_to(Arguments::command(), directory).map_err(|source| {
                Failure::Local {
                    operation: "write the man pages",
                    source,
                }
            })?
        }
    }
    Ok(0)
}
