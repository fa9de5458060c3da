//! From a host name to addresses, in the resolver's order.

use std::net::{IpAddr, ToSocketAddrs};

use super::{Endpoint, Host};
use crate::error::{Error, Result};

/// Which address families a resolved name may use: the meaning of `-4` and `-6`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FamilyFilter {
    /// Whatever the resolver gives.
    #[default]
    All,
    /// IPv4 alone (`-4`).
    Inet,
    /// IPv6 alone (`-6`).
    Inet6,
}

impl FamilyFilter {
    fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}

impl Endpoint {
    /// The endpoints behind this one, in the resolver's order and without repetition: one for each
    /// address of a name, this very endpoint where there is nothing to resolve.
    ///
    /// # Errors
    /// [`Error::Resolve`] when the name has no address, or none that `filter` admits.
    pub fn resolve(&self, filter: FamilyFilter) -> Result<Vec<Self>> {
        let Self::Internet {
            socket_type,
            host,
            port,
        } = self
        else {
            return Ok(vec![self.clone()]);
        };
        let address = match host {
            Host::Any => return Ok(vec![self.clone()]),
            Host::V4(address) => IpAddr::V4(*address),
            Host::V6(address, _) => IpAddr::V6(*address),
            Host::Name(name) => {
                let fail = |reason: String| Error::Resolve {
                    name: name.clone(),
                    reason,
                };
                let addresses = (name.as_str(), *port)
                    .to_socket_addrs()
                    .map_err(|source| fail(resolver_reason(&source)))?;
                let mut endpoints = Vec::new();
                for address in addresses.filter(|address| filter.admits(address.ip())) {
                    let endpoint = Self::internet(*socket_type, address);
                    if !endpoints.contains(&endpoint) {
                        endpoints.push(endpoint);
                    }
                }
                if endpoints.is_empty() {
                    return Err(fail(match filter {
                        FamilyFilter::Inet => "it has no IPv4 address; leave out -4".to_owned(),
                        FamilyFilter::Inet6 => "it has no IPv6 address; leave out -6".to_owned(),
                        FamilyFilter::All => "it has no address".to_owned(),
                    }));
                }
                return Ok(endpoints);
            }
        };
        if filter.admits(address) {
            Ok(vec![self.clone()])
        } else {
            Err(Error::Usage(format!(
                "{self} does not go with -4 or -6: its address is of the other family"
            )))
        }
    }
}

/// The standard library hides getaddrinfo's own words behind a prefix; they are what helps.
fn resolver_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text)
        .to_owned()
}
