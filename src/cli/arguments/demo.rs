//! The arguments of `bullhorn demo`.

use clap::Args;

use super::help::exit_codes;
use super::output_flags::OutputFlags;

/// `bullhorn demo`
#[derive(Debug, Args)]
#[command(after_help = exit_codes())]
pub(crate) struct Demo {
    /// What to send
    #[arg(default_value = "hello, world")]
    pub(crate) text: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) output: OutputFlags,
}
