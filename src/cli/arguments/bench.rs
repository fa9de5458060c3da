//! What may be typed after `bullhorn bench`, and what it means to the load generator.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::family_flags::FamilyFlags;
use super::help::endpoints_and_exit_codes;
use super::output_flags::OutputFlags;
use super::values::{OptionalDuration, PositiveDuration};
use bullhorn_client::bench::{self, Threshold};
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn bench`
#[derive(Debug, Args)]
#[command(after_help = endpoints_and_exit_codes())]
pub(crate) struct Bench {
    /// Whom to ask
    #[arg(default_value_t = Endpoint::default(), env = "BULLHORN_ENDPOINT")]
    pub(crate) endpoint: Endpoint,
    /// How many sockets (source ports, connections) to ask from
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_FLOWS", default_value_t = bench::Settings::default().flows,
        value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) flows: u32,
    /// How many requests of each flow to keep under way, unless there is a rate [default: 64, for unixgram 8]
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_WINDOW",
        value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) window: Option<u32>,
    /// Send so many requests a second, whatever has become of the others: latency counts from the time
    /// that each was to be sent [default: as many as the windows let]
    #[arg(long, value_name = "PER_SECOND", env = "BULLHORN_RATE", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// How long to send, after the warm-up [default: 10s, with --count until that is reached]
    #[arg(short, long, value_name = "DURATION", env = "BULLHORN_DURATION")]
    pub(crate) duration: Option<PositiveDuration>,
    /// How many requests to send at most, after the warm-up
    #[arg(short, long, value_name = "NUMBER", env = "BULLHORN_COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// How long to send before anything is measured, or "off"
    #[arg(long, value_name = "DURATION", env = "BULLHORN_WARMUP",
        default_value_t = OptionalDuration(bench::Settings::default().warmup))]
    pub(crate) warmup: OptionalDuration,
    /// The bytes of each text; from 16 on, which number it (a stream takes one more for the line end)
    #[arg(long, value_name = "BYTES", env = "BULLHORN_SIZE", default_value_t = bench::Settings::default().size as u32,
        value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub(crate) size: u32,
    /// Fill the texts from this file, in any script
    #[arg(long, value_name = "FILE", env = "BULLHORN_TEXT")]
    pub(crate) text: Option<PathBuf>,
    /// Compare with this earlier result, written by --json
    #[arg(long, value_name = "FILE", env = "BULLHORN_BASELINE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Exit 1 when this is so: 'p99>2ms', 'rate<100000', 'loss>0.1%', or with --baseline 'p99>+10%' (for a
    /// loss, in percentage points); repeatable
    #[arg(
        long,
        value_name = "THRESHOLD",
        env = "BULLHORN_FAIL_IF",
        value_delimiter = ','
    )]
    pub(crate) fail_if: Vec<Threshold>,
    /// Write the result as one HTML page that needs no network
    #[arg(long, value_name = "FILE", env = "BULLHORN_HTML")]
    pub(crate) html: Option<PathBuf>,
    /// How many threads share the flows
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_THREADS", default_value_t = bench::Settings::default().threads,
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: u32,
    /// Send and receive each datagram in a buffer of its own, without UDP_SEGMENT and UDP_GRO
    #[arg(long, env = "BULLHORN_NO_OFFLOAD", value_parser = FalseyValueParser::new())]
    pub(crate) no_offload: bool,
    /// After this long a request without an answer is lost
    #[arg(long, value_name = "DURATION", env = "BULLHORN_TIMEOUT",
        default_value_t = PositiveDuration(bench::Settings::default().timeout))]
    pub(crate) timeout: PositiveDuration,
    /// Look for answers again and again for this long before sleeping: sharper figures for a whole CPU
    #[arg(long, value_name = "DURATION", env = "BULLHORN_SPIN",
        default_value_t = PositiveDuration(bench::Settings::default().spin))]
    pub(crate) spin: PositiveDuration,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) family: FamilyFlags,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) output: OutputFlags,
}

impl Bench {
    /// The settings of the load generator; `filler` is the content of the file of `--text`.
    pub(crate) fn settings(&self, filler: Option<Vec<u8>>) -> bench::Settings {
        let duration = match (self.duration, self.count) {
            (Some(duration), _) => Some(duration.0),
            (None, Some(_)) => None,
            (None, None) => bench::Settings::default().duration,
        };
        let mut settings = bench::Settings::default();
        settings.flows = self.flows;
        settings.window = self.window;
        settings.rate = self.rate.map(f64::from);
        settings.duration = duration;
        settings.count = self.count;
        settings.warmup = self.warmup.0;
        settings.size = self.size as usize;
        settings.filler = filler;
        settings.threads = self.threads;
        settings.has_offload = !self.no_offload;
        settings.timeout = self.timeout.0;
        settings.spin = self.spin.0;
        settings.family = self.family.filter();
        settings
    }
}
