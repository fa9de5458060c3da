//! What else names an endpoint: a text, a socket address, a borrowed endpoint.
//!
//! With these conversions a function that takes `impl TryInto<Endpoint>` accepts each of them.

use std::net::SocketAddr;

use super::{Endpoint, ParseEndpointError, SocketType};

impl From<&Endpoint> for Endpoint {
    fn from(endpoint: &Endpoint) -> Self {
        endpoint.clone()
    }
}

impl From<SocketAddr> for Endpoint {
    /// The UDP endpoint at this address, as for an address that is typed without a scheme.
    fn from(address: SocketAddr) -> Self {
        Self::internet(SocketType::Datagram, address)
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = ParseEndpointError;

    fn try_from(text: &str) -> Result<Self, ParseEndpointError> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = ParseEndpointError;

    fn try_from(text: &String) -> Result<Self, ParseEndpointError> {
        text.parse()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = ParseEndpointError;

    fn try_from(text: String) -> Result<Self, ParseEndpointError> {
        text.parse()
    }
}
