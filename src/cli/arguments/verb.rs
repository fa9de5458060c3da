//! The program's own arguments: the verb.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::bench::Bench;
use super::demo::Demo;
use super::ping::Ping;
use super::send::Send;
use super::serve::Serve;

/// A socket service that answers every text in capitals, and the client that checks every answer
#[derive(Debug, Parser)]
#[command(name = "bullhorn", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The verb
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Answer every text in capitals, on any number of endpoints
    Serve(Serve),
    /// Send texts, check and print their answers
    Send(Send),
    /// Probe an endpoint on a schedule, report what was lost, late or wrong
    Ping(Ping),
    /// Load-test an endpoint, verify every reply, report throughput and latency
    Bench(Bench),
    /// Demonstrate every address family and socket type
    Demo(Demo),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write all man pages into a directory
    Man {
        /// Write bullhorn.1, bullhorn-serve.1 and so on into this directory
        directory: Option<PathBuf>,
    },
}
