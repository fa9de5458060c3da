//! The arguments of `bullhorn ping` and their translation into settings.

use std::path::PathBuf;

use clap::Args;

use super::connect_flags::ConnectFlags;
use super::family_flags::FamilyFlags;
use super::output_flags::OutputFlags;
use super::values::{PositiveDuration, SizeRange, seconds_or_duration};
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn ping`
#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// Endpoint to probe
    #[arg(default_value_t = Endpoint::default())]
    pub(crate) endpoint: Endpoint,
    /// Time between probes
    #[arg(help_heading = "Probes", short, long, value_name = "DURATION", value_parser = seconds_or_duration,
        default_value_t = PositiveDuration(bullhorn_client::ping::Settings::default().interval))]
    pub(crate) interval: PositiveDuration,
    /// Number of probes [default: until Ctrl-C]
    ///
    /// With --expect the default is a few.
    #[arg(help_heading = "Probes", short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Stop after this long, even with probes outstanding
    #[arg(help_heading = "Probes", short = 'w', long, value_name = "DURATION", value_parser = seconds_or_duration)]
    pub(crate) deadline: Option<PositiveDuration>,
    /// A probe unanswered for this long is lost
    ///
    /// An answer that comes later is late, and the probe stays lost.
    #[arg(help_heading = "Probes", short = 'W', long, value_name = "DURATION", value_parser = seconds_or_duration,
        default_value_t = PositiveDuration(bullhorn_client::ping::Settings::default().timeout))]
    pub(crate) timeout: PositiveDuration,
    /// How long to wait for duplicates after the last probe
    #[arg(help_heading = "Probes", long, value_name = "DURATION", default_value_t = PositiveDuration(bullhorn_client::ping::Settings::default().linger))]
    pub(crate) linger: PositiveDuration,
    /// Bytes of each message
    ///
    /// At least the word and number of a probe, at most what a datagram carries.
    #[arg(help_heading = "Probes", short, long, value_name = "BYTES", default_value_t = bullhorn_client::ping::Settings::default().size)]
    pub(crate) size: usize,
    /// Fill the messages from this file instead of with the alphabet
    #[arg(help_heading = "Probes", long, value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,
    /// Spread probes over this many source ports and report each
    ///
    /// Finds a bad ECMP path or backend.
    #[arg(help_heading = "Probes", long, value_name = "NUMBER", default_value_t = bullhorn_client::ping::Settings::default().flows)]
    pub(crate) flows: usize,
    /// Make a new connection for each probe (tcp://, unix:)
    ///
    /// Finds out whether new connections are taken: a kept one, the default, does not notice when a
    /// balancer or a firewall refuses them. A kept one finds out whether established connections
    /// survive, and is not slowed by connecting. The times to connect and to answer are reported apart;
    /// --timeout is for both together.
    #[arg(help_heading = "Probes", long)]
    pub(crate) reconnect: bool,
    /// Find out where on the path it ends, hop by hop
    ///
    /// Sends probes of one flow with rising TTL, over UDP all at once, over TCP one connection attempt after the
    /// other, and lists which hop reports what, up to the right answer. Needs no privileges. One round, or
    /// --count; --ttl is the highest TTL [default: 30].
    #[arg(help_heading = "Path", long, conflicts_with_all = ["flows", "expect", "reconnect", "linger"])]
    pub(crate) trace: bool,
    /// Ask the resolver for the names of hops (with --trace)
    #[arg(help_heading = "Path", long, requires = "trace")]
    pub(crate) names: bool,
    /// Find the largest message that passes the path (udp://, tcp://)
    ///
    /// Tries sizes from FROM to TO bytes by bisection, each up to three times: as one packet, for which fragments
    /// are forbidden, then in fragments; over TCP it reports the MSS. Needs no privileges. The default is every
    /// size that a datagram can have. The value needs the equals sign, as in --sweep=1200..1500.
    #[arg(help_heading = "Path", long, value_name = "FROM..TO", num_args = 0..=1, require_equals = true,
        default_missing_value = "..",
        conflicts_with_all = ["interval", "count", "linger", "size", "text", "flows", "reconnect", "expect", "trace"])]
    pub(crate) sweep: Option<SizeRange>,
    /// Exit with 0 only if the endpoint behaves like this
    ///
    /// One of answer, refused (by the target itself), rejected (by a firewall or router), unreachable and silence.
    /// With anything but answer the probes are at least 2.5 s apart, as kernels limit the rate of ICMP errors.
    #[arg(help_heading = "Result", long, value_name = "BEHAVIOUR")]
    pub(crate) expect: Option<bullhorn_client::ping::Behaviour>,
    #[command(flatten)]
    pub(crate) family: FamilyFlags,
    #[command(flatten)]
    pub(crate) connect: ConnectFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

impl Ping {
    /// The settings of the prober; `filler` is the content of the file of `--text`.
    pub(crate) fn settings(&self, filler: Option<Vec<u8>>) -> bullhorn_client::ping::Settings {
        let mut settings = bullhorn_client::ping::Settings::default();
        settings.interval = self.interval.0;
        settings.count = self.count;
        settings.deadline = self.deadline.map(|deadline| deadline.0);
        settings.timeout = self.timeout.0;
        settings.linger = self.linger.0;
        settings.size = self.size;
        settings.filler = filler;
        settings.flows = self.flows;
        settings.reconnects = self.reconnect;
        settings.expect = self.expect;
        settings.family = self.family.filter();
        settings.connect = self.connect.options();
        settings
    }

    /// The settings of a trace, likewise.
    pub(crate) fn trace_settings(
        &self,
        filler: Option<Vec<u8>>,
    ) -> bullhorn_client::trace::Settings {
        let mut settings = bullhorn_client::trace::Settings::default();
        settings.connect = self.connect.options();
        settings.max_hops = settings.connect.ttl.unwrap_or(settings.max_hops);
        settings.rounds = self.count.unwrap_or(settings.rounds);
        settings.interval = self.interval.0;
        settings.deadline = self.deadline.map(|deadline| deadline.0);
        settings.timeout = self.timeout.0;
        settings.size = self.size;
        settings.filler = filler;
        settings.family = self.family.filter();
        settings.names = self.names;
        settings
    }

    /// The settings of a sweep over `sizes`.
    pub(crate) fn sweep_settings(&self, sizes: SizeRange) -> bullhorn_client::sweep::Settings {
        let mut settings = bullhorn_client::sweep::Settings::default();
        settings.from = sizes.from;
        settings.to = sizes.to;
        settings.timeout = self.timeout.0;
        settings.deadline = self.deadline.map(|deadline| deadline.0);
        settings.family = self.family.filter();
        settings.connect = self.connect.options();
        settings
    }
}
