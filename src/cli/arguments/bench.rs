//! The arguments of `bullhorn bench` and their translation into settings.

use std::path::PathBuf;

use clap::Args;

use super::connect_flags::ConnectFlags;
use super::family_flags::FamilyFlags;
use super::output_flags::OutputFlags;
use super::values::{OptionalDuration, PositiveDuration};
use bullhorn_client::bench::{self, Threshold};
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn bench`
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Endpoint to load-test
    #[arg(default_value_t = Endpoint::default())]
    pub(crate) endpoint: Endpoint,
    /// Sockets (source ports, connections) to send from
    #[arg(help_heading = "Load", long, value_name = "NUMBER", default_value_t = bench::Settings::default().flows,
        value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) flows: u32,
    /// Requests in flight on each flow [default: 64, for unixgram 8]
    ///
    /// Ignored with --rate.
    #[arg(help_heading = "Load", long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) window: Option<u32>,
    /// Requests per second, regardless of outstanding replies (open loop)
    ///
    /// Latency counts from the time at which each request was due, also while the generator itself was delayed
    /// or stopped: nothing is skipped. Without it each flow keeps its window full (closed loop): as fast as the
    /// windows allow.
    #[arg(help_heading = "Load", long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// How long to send, after the warm-up [default: 10s]
    ///
    /// With --count the default is until that is reached.
    #[arg(help_heading = "Load", short, long, value_name = "DURATION")]
    pub(crate) duration: Option<PositiveDuration>,
    /// Maximum number of requests, after the warm-up
    #[arg(help_heading = "Load", short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// How long to send before measuring, or "off"
    #[arg(help_heading = "Load", long, value_name = "DURATION", default_value_t = OptionalDuration(bench::Settings::default().warmup))]
    pub(crate) warmup: OptionalDuration,
    /// Bytes of each message
    ///
    /// At least 16, which hold its number; over a stream one more, for the line end.
    #[arg(help_heading = "Load", long, value_name = "BYTES", default_value_t = bench::Settings::default().size as u32,
        value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub(crate) size: u32,
    /// Fill the messages from this file, in any script
    #[arg(help_heading = "Load", long, value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,
    /// Compare with this earlier result of --json
    #[arg(help_heading = "Result", long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Exit with 1 if this holds, as in 'p99>2ms'; repeatable
    ///
    /// For example 'p99>2ms', 'rate<100000', 'loss>0.1%', or with --baseline 'p99>+10%' (for a loss, in
    /// percentage points). A percentile with too few answers for it fails: p99 needs 100, p99.9 needs 1000.
    #[arg(
        help_heading = "Result",
        long,
        value_name = "THRESHOLD",
        value_delimiter = ','
    )]
    pub(crate) fail_if: Vec<Threshold>,
    /// Write the result as a self-contained HTML page
    #[arg(help_heading = "Result", long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Threads that share the flows
    #[arg(help_heading = "Generator", long, value_name = "NUMBER", default_value_t = bench::Settings::default().threads,
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: u32,
    /// Send and receive single datagrams
    ///
    /// Each has its own buffer, without UDP_SEGMENT and UDP_GRO.
    #[arg(help_heading = "Generator", long)]
    pub(crate) no_offload: bool,
    /// A request unanswered for this long is lost
    #[arg(help_heading = "Load", long, value_name = "DURATION", default_value_t = PositiveDuration(bench::Settings::default().timeout))]
    pub(crate) timeout: PositiveDuration,
    /// Busy-poll for this long before sleeping
    ///
    /// Sharper figures, with one CPU core busy.
    #[arg(help_heading = "Generator", long, value_name = "DURATION", default_value_t = PositiveDuration(bench::Settings::default().spin))]
    pub(crate) spin: PositiveDuration,
    #[command(flatten)]
    pub(crate) family: FamilyFlags,
    #[command(flatten)]
    pub(crate) connect: ConnectFlags,
    #[command(flatten)]
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
        settings.connect = self.connect.options();
        settings
    }
}
