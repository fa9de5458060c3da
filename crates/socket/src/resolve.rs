//! From a host name to addresses, in the resolver's order.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::endpoint::{Endpoint, FamilyFilter, Host};
use crate::error::{Error, ResolveProblem, Result};
use crate::lookup::{Lookup, look_up_within};
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
        let Self::Internet { host, port, .. } = self else {
            return Ok(vec![self.clone()]);
        };
        let address = match host {
            Host::Any => return Ok(vec![self.clone()]),
            Host::V4(address) => IpAddr::V4(*address),
            Host::V6(address, _) => IpAddr::V6(*address),
            Host::Name(name) => {
                let addresses = look_up_within(name, *port, timeout, stop);
                return admitted(name, self, filter, addresses);
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

/// The endpoints of the kind of `given` at those of `addresses`, which `name` has, that `filter`
/// admits.
fn admitted(
    name: &str,
    given: &Endpoint,
    filter: FamilyFilter,
    addresses: std::result::Result<Vec<SocketAddr>, ResolveProblem>,
) -> Result<Vec<Endpoint>> {
    let fail = |source| Error::Resolve {
        name: name.to_owned(),
        source,
    };
    let mut endpoints = Vec::new();
    for address in addresses.map_err(fail)? {
        let endpoint = given.at(address);
        if filter.admits(address.ip()) && !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() {
        return Err(fail(ResolveProblem::NoAddress(filter)));
    }
    Ok(endpoints)
}

/// A name that a separate thread is resolving.
#[derive(Debug)]
pub struct Resolution {
    name: String,
    given: Endpoint,
    filter: FamilyFilter,
    lookup: Lookup,
}

impl Resolution {
    /// Begins to resolve the name of `endpoint`; `None` where there is no name.
    ///
    /// # Errors
    /// [`Error::Resolve`] when no thread can be started.
    pub fn begin(endpoint: &Endpoint, filter: FamilyFilter) -> Result<Option<Self>> {
        let Endpoint::Internet {
            host: Host::Name(name),
            port,
            ..
        } = endpoint
        else {
            return Ok(None);
        };
        let lookup = Lookup::begin(name, *port).map_err(|source| Error::Resolve {
            name: name.clone(),
            source,
        })?;
        Ok(Some(Self {
            name: name.clone(),
            given: endpoint.clone(),
            filter,
            lookup,
        }))
    }

    /// Readable once the resolver has answered.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.lookup.descriptor()
    }

    /// The endpoints, as from [`Endpoint::resolve`], once; `None` while the resolver has not
    /// answered. Does not wait.
    pub fn take(&self) -> Option<Result<Vec<Endpoint>>> {
        let addresses = self.lookup.take()?;
        Some(admitted(&self.name, &self.given, self.filter, addresses))
    }
}
