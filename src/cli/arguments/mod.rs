//! What may be typed: the one definition that the parser, the help, the man page and the
//! completions are made from. A file for each verb with many flags, and `values` for the types of
//! their values.

mod bench;
mod guard;
mod ping;
mod send;
mod serve;
mod streams;
mod values;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, Subcommand};

pub(crate) use self::bench::Bench;
pub(crate) use self::ping::Ping;
pub(crate) use self::send::Send;
pub(crate) use self::serve::Serve;
pub(crate) use self::streams::Streams;
use bullhorn_socket::endpoint::FamilyFilter;

/// What each exit code means.
macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0  all is well
  1  a threshold or part of the work failed (partial loss)
  2  usage
  3  a wrong answer
  4  refused
  5  no answer at all
  6  name not resolved
  7  local trouble (bind, permission, file)"
    };
}

/// The end of every help text.
const EXIT_CODES: &str = exit_codes!();

/// The end of the help texts that take an endpoint.
const ENDPOINTS_AND_EXIT_CODES: &str = concat!(
    "\
Endpoints:
  udp://127.0.0.1:3000   UDP, also udp://[::1]:3000 and udp://[fe80::1%eth0]:3000
  tcp://127.0.0.1:3000   TCP
  unix:/run/b.sock       Unix stream; unix:@name is a Linux abstract name
  unixgram:/run/b.sock   Unix datagrams
  udp://:3000            every address of this machine (serve only)
  fd:3                   an inherited, bound descriptor (serve only)
  Without a scheme it is udp://, without a port 3000.

",
    exit_codes!()
);

/// A socket service that answers every text in capitals, and the client that checks every answer
#[derive(Debug, Parser)]
#[command(name = "bullhorn", version, after_help = EXIT_CODES, max_term_width = 100)]
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

/// How much is said, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Speech {
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

/// Which addresses of a name may be asked.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FamilyFlags {
    /// Use only the IPv4 addresses of a name
    #[arg(short = '4', long, conflicts_with = "ipv6", env = "BULLHORN_IPV4", value_parser = FalseyValueParser::new())]
    pub ipv4: bool,
    /// Use only the IPv6 addresses of a name
    #[arg(short = '6', long, env = "BULLHORN_IPV6", value_parser = FalseyValueParser::new())]
    pub ipv6: bool,
}

impl FamilyFlags {
    /// The meaning of `-4` and `-6`.
    pub(crate) fn filter(self) -> FamilyFilter {
        match (self.ipv4, self.ipv6) {
            (true, _) => FamilyFilter::Inet,
            (_, true) => FamilyFilter::Inet6,
            _ => FamilyFilter::All,
        }
    }
}

/// `bullhorn demo`
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Demo {
    /// What to send
    #[arg(default_value = "hello, world")]
    pub(crate) text: String,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) speech: Speech,
}
