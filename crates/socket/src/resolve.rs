//! From a host name to addresses, in the resolver's order.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::endpoint::{Endpoint, FamilyFilter, Host};
use crate::error::{Error, ResolveProblem, Result};
use crate::lookup::look_up_within;
use crate::stop::Stop;

/// The default limit on the wait for the resolver: it covers two silent name servers (5 s each,
/// resolv.conf(5)) before a third.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(11);

impl Endpoint {
    /// The endpoints behind this one, in the resolver's order and without repetition: one for each
    /// address of a name, this very endpoint where there is nothing to resolve. Waits at most
    /// `timeout`, and not beyond `stop`.
    ///
    /// # Errors
    /// [`Error::Resolve`] when the name has no address, none that `filter` admits, or none in time;
    /// [`Error::OtherFamily`] for an address that `filter` excludes.
    pub fn resolve(
        &self,
        filter: FamilyFilter,
        timeout: Duration,
        stop: &Stop,
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
                let addresses = look_up_within(name, *port, timeout, stop).map_err(fail)?;
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
