//! The arguments of `bullhorn demo`.

use clap::Args;

use super::output_flags::OutputFlags;

/// `bullhorn demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Text to send
    #[arg(default_value = "hello, world")]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}
