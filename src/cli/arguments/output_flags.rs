//! The flags of every verb about what it prints.

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};

/// What is printed, and in which format.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutputFlags {
    /// Say more: -v logs requests and answers, -vv each socket call with its arguments and result
    #[arg(short, long, action = ArgAction::Count, env = "BULLHORN_VERBOSE")]
    pub(crate) verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, conflicts_with = "verbose", env = "BULLHORN_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,
    /// Print JSON Lines to standard output
    #[arg(long, env = "BULLHORN_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
}
