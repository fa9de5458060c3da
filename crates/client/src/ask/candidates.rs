//! The addresses of a name, in the resolver's order.

use std::time::Duration;

use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, FamilyFilter};
use bullhorn_socket::error::{Error, Result};
use bullhorn_socket::{ConnectOptions, RESOLVE_TIMEOUT, check_for_client};

/// Addresses that have not been tried yet. Taking one removes it.
#[derive(Clone, Debug)]
pub(crate) struct Candidates(std::vec::IntoIter<Endpoint>);

impl Candidates {
    /// The addresses of `endpoint` that `options` can be used with. The resolver has [`RESOLVE_TIMEOUT`], or the timeout of a
    /// request if that is longer.
    pub(crate) fn resolve(
        endpoint: &Endpoint,
        family: FamilyFilter,
        options: &ConnectOptions,
        request_timeout: Duration,
        stop: &Stop,
    ) -> Result<Self> {
        let timeout = RESOLVE_TIMEOUT.max(request_timeout);
        Self::resolve_within(endpoint, family, options, timeout, stop)
    }

    /// As [`Self::resolve`], where the resolver has exactly `timeout`.
    pub(crate) fn resolve_within(
        endpoint: &Endpoint,
        family: FamilyFilter,
        options: &ConnectOptions,
        timeout: Duration,
        stop: &Stop,
    ) -> Result<Self> {
        check_for_client(endpoint)?;
        options.check(endpoint)?;
        let addresses = endpoint.resolve(family, timeout, stop)?;
        let addresses = options.with_source_family(endpoint, addresses)?;
        Ok(Self::new(addresses))
    }

    pub(crate) fn new(addresses: Vec<Endpoint>) -> Self {
        Self(addresses.into_iter())
    }

    /// Calls `attempt` with each address until one works. An error that would be the same for every
    /// address ends the search.
    pub(crate) fn find<T>(&mut self, mut attempt: impl FnMut(&Endpoint) -> Result<T>) -> Result<T> {
        let mut result = Err(Error::NoAddress);
        for address in &mut self.0 {
            result = attempt(&address);
            if !matches!(
                result,
                Err(Error::Path { .. } | Error::NoAnswer { .. } | Error::Socket { .. })
            ) {
                break;
            }
        }
        result
    }

    /// The remaining addresses.
    pub(crate) fn as_slice(&self) -> &[Endpoint] {
        self.0.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bullhorn_socket::error::Operation;

    fn candidates() -> Candidates {
        Candidates::new(vec![
            "udp://127.0.0.1:1".parse().unwrap(),
            "udp://127.0.0.1:2".parse().unwrap(),
            "udp://127.0.0.1:3".parse().unwrap(),
        ])
    }

    fn refused(endpoint: &Endpoint) -> Error {
        let source = std::io::Error::from_raw_os_error(libc::ECONNREFUSED);
        Error::socket(Operation::Connect, endpoint, source)
    }

    #[test]
    fn the_first_address_that_works_is_found_and_the_rest_is_left() {
        let mut candidates = candidates();
        let mut second = candidates.as_slice()[1].clone();
        let found = candidates.find(|address| match *address == second {
            true => Ok(address.clone()),
            false => Err(refused(address)),
        });
        assert_eq!(found.unwrap(), second);
        assert_eq!(candidates.as_slice().len(), 1);
        second = candidates.as_slice()[0].clone();
        assert_eq!(
            candidates.find(|address| Ok(address.clone())).unwrap(),
            second
        );
        assert!(matches!(candidates.find(|_| Ok(())), Err(Error::NoAddress)));
    }

    #[test]
    fn an_error_that_concerns_all_addresses_ends_the_search() {
        let mut candidates = candidates();
        let result: Result<()> =
            candidates.find(|_| Err(Error::invalid_settings(&["size"], "wrong")));
        assert!(matches!(result, Err(Error::InvalidSettings { .. })));
        assert_eq!(candidates.as_slice().len(), 2);
        let error = candidates.find::<()>(|address| Err(refused(address)));
        assert!(error.unwrap_err().to_string().contains(":3 "));
    }
}
