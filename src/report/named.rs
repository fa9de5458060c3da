//! An endpoint by its name and its address.

use std::fmt;

use bullhorn_socket::endpoint::Endpoint;

/// An endpoint as it was given, and the address in use where that says more:
/// `udp://localhost:3000 (udp://127.0.0.1:3000)`.
pub(crate) struct Named<'a> {
    /// As given.
    pub(crate) given: &'a Endpoint,
    /// The address in use.
    pub(crate) endpoint: &'a Endpoint,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.given)?;
        if self.given != self.endpoint {
            write!(f, " ({})", self.endpoint)?;
        }
        Ok(())
    }
}
