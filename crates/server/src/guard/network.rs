//! A network as it is typed: `192.0.2.0/24`, or an address alone.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// An IPv4 or IPv6 network.
///
/// ```
/// use bullhorn_server::Network;
///
/// let network: Network = "192.0.2.0/24".parse()?;
/// assert_eq!(network.to_string(), "192.0.2.0/24");
/// assert_eq!("2001:db8::1".parse::<Network>()?.to_string(), "2001:db8::1/128");
/// // Probably a slip that would include more than was meant.
/// assert!("192.0.2.1/24".parse::<Network>().is_err());
/// # Ok::<(), bullhorn_server::ParseNetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(pub(super) IpNet);

impl Network {
    /// The network of the first `prefix_length` bits of `address`; `None` for a prefix longer than the
    /// address.
    pub fn new(address: IpAddr, prefix_length: u8) -> Option<Self> {
        IpNet::new(address, prefix_length).ok().map(Self)
    }
}

/// The network of this address alone.
impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| ParseNetworkError::Malformed(text.to_owned()))?;
        if network.trunc() != network {
            return Err(ParseNetworkError::HostBits {
                text: text.to_owned(),
                network: Self(network.trunc()),
            });
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseNetworkError {
    /// It is neither a network nor an address.
    #[error("{0:?} is not a network; write 192.0.2.0/24 or 2001:db8::/32")]
    Malformed(String),
    /// It has bits after its prefix.
    #[error("{text} has bits after its prefix; the network is {network}")]
    HostBits {
        /// What was typed.
        text: String,
        /// The network that contains it.
        network: Network,
    },
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
            assert_eq!(typed.parse::<Network>().unwrap().to_string(), meant);
        }
    }

    #[test]
    fn a_text_that_is_not_a_network_gets_an_example_of_one() {
        for (typed, word) in [
            ("", "192.0.2.0/24"),
            ("192.0.2/24", "not a network"),
            ("192.0.2.0/33", "not a network"),
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("example.org", "not a network"),
        ] {
            let error = typed.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(word), "{typed}: {error}");
        }
    }
}
