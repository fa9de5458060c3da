//! What a trace needs from either type of socket.

use std::net::SocketAddr;
use std::time::Instant;

use super::round::Round;
use bullhorn_socket::Stop;
use bullhorn_socket::error::Result;

/// Sends the probes of one round.
pub(super) trait Prober {
    /// Probes until `round` is complete, `until`, or `stop`.
    fn run(&mut self, round: &mut Round, until: Option<Instant>, stop: &Stop) -> Result<()>;

    /// The address that it sends from, once it has sent.
    fn source(&self) -> Option<SocketAddr>;
}
