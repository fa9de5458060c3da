//! The arguments as they are typed: the one definition from which the parser, the help, the man pages
//! and the completions are made. A file a verb, a file a group of flags, and `values` for the types of
//! their values.

mod bench;
mod demo;
mod family_flags;
mod guard;
mod help;
mod output_flags;
mod ping;
mod send;
mod serve;
mod streams;
mod values;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use self::bench::Bench;
pub(crate) use self::demo::Demo;
use self::help::exit_codes;
pub(crate) use self::output_flags::OutputFlags;
pub(crate) use self::ping::Ping;
pub(crate) use self::send::Send;
pub(crate) use self::serve::Serve;

/// A socket service that answers every text in capitals, and the client that checks every answer
#[derive(Debug, Parser)]
#[command(name = "bullhorn", version, after_help = exit_codes(), max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Answer every text in capitals, on any number of endpoints at once
    Serve(Serve),
    /// Send texts and print their answers, each checked
    Send(Send),
    /// Probe an endpoint on a schedule, every answer checked, and say what was lost, late or wrong
    Ping(Ping),
    /// Put load on an endpoint, check every answer, and say how fast they came
    Bench(Bench),
    /// Show it all at work: serve and ask over every address family and socket type
    Demo(Demo),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each verb into a directory
    Man {
        /// Write bullhorn.1, bullhorn-serve.1 and so on into this directory
        directory: Option<PathBuf>,
    },
}
