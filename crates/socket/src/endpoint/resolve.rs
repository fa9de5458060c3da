//! From a host name to addresses, in the resolver's order.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::lookup::{look_up, look_up_within};
use super::{Endpoint, Host};
use crate::error::{Error, ResolveProblem, Result};
use crate::stop::Stop;

/// The default limit on the wait for the resolver: it covers two silent name servers (5 s each,
/// resolv.conf(5)) before a third.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(11);

/// Which address families may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FamilyFilter {
    /// Both, in the resolver's order.
    #[default]
    All,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
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
    /// [`Error::Resolve`] when the name has no address, or none that `filter` admits;
    /// [`Error::OtherFamily`] for an address that `filter` excludes.
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
        look_up: impl FnOnce(&str, u16) -> std::result::Result<Vec<SocketAddr>, ResolveProblem>,
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
                let fail = |source| Error::Resolve {
                    name: name.clone(),
                    source,
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
                    return Err(fail(ResolveProblem::NoAddress(filter)));
                }
                return Ok(endpoints);
            }
        };
        if filter.admits(address) {
            Ok(vec![self.clone()])
        } else {
            Err(Error::OtherFamily {
                endpoint: self.clone(),
                filter,
            })
        }
    }
}
