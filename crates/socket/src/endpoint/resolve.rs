//! From a host name to addresses, in the resolver's order.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::lookup::{look_up, look_up_within};
use super::{Endpoint, Host};
use crate::error::{Error, Result};
use crate::stop::Stop;

/// How long the resolver is waited for without a deadline of one's own, by a client and by a server:
/// two silent name servers (5 s each, resolv.conf(5)) do not keep it from a third.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(11);

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
    /// address of a name, this very endpoint where there is nothing to resolve. Waits for as long
    /// as the system's resolver does.
    ///
    /// # Errors
    /// [`Error::Resolve`] when the name has no address, or none that `filter` admits.
    pub fn resolve(&self, filter: FamilyFilter) -> Result<Vec<Self>> {
        self.resolve_by(filter, look_up)
    }

    /// As [`Self::resolve`], but waits at most `timeout`, and not beyond `stop`.
    ///
    /// # Errors
    /// As [`Self::resolve`]; also [`Error::Resolve`] when the resolver has not answered by then.
    pub fn resolve_within(
        &self,
        filter: FamilyFilter,
        timeout: Duration,
        stop: &Stop,
    ) -> Result<Vec<Self>> {
        self.resolve_by(filter, |name, port| {
            look_up_within(name, port, timeout, stop)
        })
    }

    fn resolve_by(
        &self,
        filter: FamilyFilter,
        look_up: impl FnOnce(&str, u16) -> std::result::Result<Vec<SocketAddr>, String>,
    ) -> Result<Vec<Self>> {
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
                let addresses = look_up(name, *port).map_err(fail)?;
                let mut endpoints = Vec::new();
                let admitted = |address: &SocketAddr| filter.admits(address.ip());
                for address in addresses.into_iter().filter(admitted) {
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
