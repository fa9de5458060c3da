//! What may be typed against abuse of a server, and what it means to it.

use bullhorn_server::{GuardOptions, Network, RateLimit};
use clap::{Args, ValueEnum};

/// The flags of `bullhorn serve` against abuse.
#[derive(Clone, Debug, Args)]
pub(crate) struct GuardFlags {
    /// Drop datagrams that may be part of an endless exchange, and those that only a spoofed source sends
    #[arg(
        long,
        value_name = "SWITCH",
        env = "BULLHORN_LOOP_GUARD",
        default_value = "on"
    )]
    pub(crate) loop_guard: Switch,
    /// Serve only these networks, as in 192.0.2.0/24,2001:db8::/32; may be given again [default: all]
    #[arg(
        long,
        value_name = "NETWORKS",
        env = "BULLHORN_ALLOW",
        value_delimiter = ','
    )]
    pub(crate) allow: Vec<Network>,
    /// Never serve these networks, though they be allowed
    #[arg(
        long,
        value_name = "NETWORKS",
        env = "BULLHORN_DENY",
        value_delimiter = ','
    )]
    pub(crate) deny: Vec<Network>,
    /// The most datagrams answered to one address, as in 1000/s, or "off" [default: off, but 1000/s once an endpoint is not loopback's]
    #[arg(long, value_name = "RATE", env = "BULLHORN_RATE_LIMIT")]
    pub(crate) rate_limit: Option<RateLimit>,
}

impl GuardFlags {
    /// What is to be done against abuse.
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
    /// It is done
    On,
    /// It is not
    Off,
}
