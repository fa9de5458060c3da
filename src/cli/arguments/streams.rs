//! What may be typed after `bullhorn serve` about streams, and what it means to the server.

use clap::Args;

use super::values::{OptionalDuration, OptionalNumber};
use bullhorn_server::StreamLimits;

/// What streams may take.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Streams {
    /// The most connections open at once on one endpoint
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_MAX_CONNECTIONS",
        default_value_t = StreamLimits::default().max_connections, value_parser = clap::value_parser!(usize))]
    pub(crate) max_connections: usize,
    /// The most connections open at once on all endpoints together, or "off" for no cap but that of each endpoint
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_MAX_CONNECTIONS_TOTAL",
        default_value_t = OptionalNumber(StreamLimits::default().max_connections_total))]
    pub(crate) max_connections_total: OptionalNumber,
    /// The most connections open at once from one IPv4 address or IPv6 /64 (a /56 twice, a /48 four times as many), on all endpoints together, or "off"; loopback and Unix peers are not counted
    #[arg(long, value_name = "NUMBER", env = "BULLHORN_MAX_CONNECTIONS_PER_ADDRESS",
        default_value_t = OptionalNumber(StreamLimits::default().max_connections_per_address))]
    pub(crate) max_connections_per_address: OptionalNumber,
    /// Close a connection that is silent for this long, or "off"
    #[arg(long, value_name = "DURATION", env = "BULLHORN_IDLE_TIMEOUT",
        default_value_t = OptionalDuration(StreamLimits::default().idle_timeout))]
    pub(crate) idle_timeout: OptionalDuration,
    /// Close a connection that takes no byte of its answer for this long, or "off"
    #[arg(long, value_name = "DURATION", env = "BULLHORN_WRITE_TIMEOUT",
        default_value_t = OptionalDuration(StreamLimits::default().write_timeout))]
    pub(crate) write_timeout: OptionalDuration,
}

impl Streams {
    /// What streams may take.
    pub(crate) fn limits(self) -> StreamLimits {
        let mut limits = StreamLimits::default();
        limits.max_connections = self.max_connections;
        limits.max_connections_total = self.max_connections_total.0;
        limits.max_connections_per_address = self.max_connections_per_address.0;
        limits.idle_timeout = self.idle_timeout.0;
        limits.write_timeout = self.write_timeout.0;
        limits
    }
}
