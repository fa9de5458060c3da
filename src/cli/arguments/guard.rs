//! What may be typed against abuse of a server, and what it means to it.

use std::net::IpAddr;

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use bullhorn_server::GuardOptions;
use bullhorn_server::guard::RateLimit;

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
    #[arg(long, value_name = "NETWORKS", env = "BULLHORN_ALLOW", value_delimiter = ',', value_parser = network)]
    pub(crate) allow: Vec<IpNet>,
    /// Never serve these networks, though they be allowed
    #[arg(long, value_name = "NETWORKS", env = "BULLHORN_DENY", value_delimiter = ',', value_parser = network)]
    pub(crate) deny: Vec<IpNet>,
    /// The most datagrams answered to one address, as in 1000/s, or "off" [default: off, but 1000/s once an endpoint is not loopback's]
    #[arg(long, value_name = "RATE", env = "BULLHORN_RATE_LIMIT")]
    pub(crate) rate_limit: Option<RateLimit>,
}

impl GuardFlags {
    /// What is to be done against abuse.
    pub(crate) fn options(&self) -> GuardOptions {
        GuardOptions {
            loop_guard: self.loop_guard == Switch::On,
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            rate_limit: self.rate_limit.unwrap_or_default(),
        }
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

/// A network, or an address alone. One with bits behind its prefix may be a slip of the pen that
/// would let in more than was meant.
fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || format!("{text:?} is no network; write them like 192.0.2.0/24 or 2001:db8::/32");
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let network: IpNet = text.parse().map_err(|_| wrong())?;
    if network.trunc() != network {
        return Err(format!(
            "{text} has bits behind its prefix; the network is {}",
            network.trunc()
        ));
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses_are_read() {
        for (typed, meant) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            (" ::1", "::1/128"),
        ] {
            assert_eq!(network(typed).unwrap().to_string(), meant);
        }
    }

    #[test]
    fn what_is_no_network_says_what_one_is() {
        for (typed, word) in [
            ("", "192.0.2.0/24"),
            ("192.0.2/24", "no network"),
            ("192.0.2.0/33", "no network"),
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("example.org", "no network"),
        ] {
            let error = network(typed).unwrap_err();
            assert!(error.contains(word), "{typed}: {error}");
        }
    }
}
