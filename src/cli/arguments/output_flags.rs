//! The flags of every verb about what it prints.

use clap::{ArgAction, Args};

/// What is printed, and in which format.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputFlags {
    /// -v logs requests and answers, -vv socket calls
    ///
    /// -vv shows each socket call with its arguments and result.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Print only results and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print JSON Lines to standard output
    #[arg(long)]
    pub(crate) json: bool,
}
