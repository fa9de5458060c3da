//! What may be typed after `bullhorn ping`, and what it means to the prober.

use std::path::PathBuf;

use clap::Args;

use super::family_flags::FamilyFlags;
use super::help::endpoints_and_exit_codes;
use super::output_flags::OutputFlags;
use super::values::{PositiveDuration, seconds_or_duration};
use bullhorn_socket::endpoint::Endpoint;

/// `bullhorn ping`
#[derive(Debug, Args)]
#[command(after_help = endpoints_and_exit_codes())]
pub(crate) struct Ping {
    /// Whom to probe
    #[arg(default_value_t = Endpoint::default(), env = "BULLHORN_ENDPOINT")]
    pub(crate) endpoint: Endpoint,
    /// From one probe to the next
    #[arg(short, long, value_name = "DURATION", env = "BULLHORN_INTERVAL", value_parser = seconds_or_duration,
        default_value_t = PositiveDuration(bullhorn_client::ping::Settings::default().interval))]
    pub(crate) interval: PositiveDuration,
    /// How many probes to send [default: until Ctrl-C; a few with --expect]
    #[arg(short, long, value_name = "NUMBER", env = "BULLHORN_COUNT",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after this long, whatever is under way
    #[arg(short = 'w', long, value_name = "DURATION", env = "BULLHORN_DEADLINE", value_parser = seconds_or_duration)]
    pub(crate) deadline: Option<PositiveDuration>,
    /// A probe without an answer for this long is lost; an answer after that is late
    #[arg(short = 'W', long, value_name = "DURATION", env = "BULLHORN_TIMEOUT", value_parser = seconds_or_duration,
        default_value_t = PositiveDuration(bullhorn_client::ping::Settings::default().timeout))]
    pub(crate) timeout: PositiveDuration,
    /// How long to wait for second answers after the last probe is settled
    #[arg(long, value_name = "DURATION", env = "BULLHORN_LINGER",
        default_value_t = PositiveDuration(bullhorn_client::ping::Settings::default().linger))]
    pub(crate) linger: PositiveDuration,
    /// Bytes of each text: from its word and number alone to what a datagram carries
    #[arg(short, long, value_name = "BYTES", env = "BULLHORN_SIZE", default_value_t = bullhorn_client::ping::Settings::default().size)]
    pub(crate) size: usize,
    /// Fill the texts from this file, of any script, instead of with the alphabet
    #[arg(long, value_name = "FILE", env = "BULLHORN_TEXT")]
    pub(crate) text: Option<PathBuf>,
    /// Send from so many source ports in turn, and say how each fares: finds one bad leg of a balanced path
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_FLOWS", default_value_t = bullhorn_client::ping::Settings::default().flows)]
    pub(crate) flows: usize,
    /// Exit with 0 only when the endpoint behaves so: answer, refused or silence
    #[arg(long, value_name = "BEHAVIOUR", env = "BULLHORN_EXPECT")]
    pub(crate) expect: Option<bullhorn_client::ping::Behaviour>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) family: FamilyFlags,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a group, which has no help of its own")]
    pub(crate) output: OutputFlags,
}

impl Ping {
    /// How the endpoint is to be probed, with texts filled from `filler`.
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
        settings.expect = self.expect;
        settings.family = self.family.filter();
        settings
    }
}
