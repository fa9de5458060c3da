//! What an endpoint cannot be used for: a text that is too long for it, or a client.

use crate::endpoint::{Endpoint, Host, MAX_LINE, SocketType};
use crate::error::{Error, Result};

impl Endpoint {
    /// Refuses a text or an answer of `length` bytes that cannot travel to or from this endpoint:
    /// a datagram has its limit, and a line [`MAX_LINE`].
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn check_length(&self, length: usize) -> Result<()> {
        let limit = self.max_datagram().unwrap_or(MAX_LINE);
        if length <= limit {
            return Ok(());
        }
        Err(Error::TooLong {
            endpoint: self.clone(),
            length: Some(length),
            limit,
        })
    }
}

/// Refuses an endpoint that only a server can use: the empty host, port 0, a descriptor.
///
/// # Errors
/// [`Error::UnsuitableEndpoint`].
pub fn check_for_client(endpoint: &Endpoint) -> Result<()> {
    let unsuitable = |problem| {
        Err(Error::UnsuitableEndpoint {
            endpoint: endpoint.clone(),
            problem,
        })
    };
    match endpoint {
        Endpoint::Internet {
            host: Host::Any, ..
        } => unsuitable(match endpoint.socket_type() {
            Some(SocketType::Stream) => {
                "has no host, which is for servers; a client needs one, as in tcp://127.0.0.1:3000"
            }
            _ => {
                "has no host, which is for servers; a client needs one, as in udp://127.0.0.1:3000"
            }
        }),
        Endpoint::Internet { port: 0, .. } => {
            unsuitable("has port 0, which is for servers; use the port that the server printed")
        }
        Endpoint::Descriptor(_) => {
            unsuitable("is for servers; a client needs an address, as in udp://127.0.0.1:3000")
        }
        _ => Ok(()),
    }
}
