//! The flags of `bullhorn serve` against abuse and their translation into options.

use bullhorn_server::{GuardOptions, Network, RateLimit};
use clap::{Args, ValueEnum};

/// The flags of `bullhorn serve` against abuse.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Abuse guard")]
pub(crate) struct GuardFlags {
    /// Drop loops and spoofed datagrams: on or off
    ///
    /// Drops datagrams that may be part of an endless exchange, and those that can only be spoofed.
    #[arg(
        long,
        value_name = "SWITCH",
        hide_possible_values = true,
        default_value = "on"
    )]
    pub(crate) loop_guard: Switch,
    /// Serve only these networks, as in 192.0.2.0/24,2001:db8::/32
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    pub(crate) allow: Vec<Network>,
    /// Refuse these networks; takes precedence over --allow
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    pub(crate) deny: Vec<Network>,
    /// Maximum datagrams answered to one address, as in 1000/s, or "off"
    ///
    /// The default is off on loopback, and 1000/s as soon as an endpoint is reachable from elsewhere.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate_limit: Option<RateLimit>,
}

impl GuardFlags {
    /// The flags as options.
    pub(crate) fn options(&self) -> GuardOptions {
        let mut options = GuardOptions::default();
        options.loop_guard = self.loop_guard == Switch::On;
        options.allow = self.allow.clone();
        options.deny = self.deny.clone();
        options.rate_limit = self.rate_limit.unwrap_or_default();
        options
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}
