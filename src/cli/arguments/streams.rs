//! The flags of `bullhorn serve` for streams and their translation into limits.

use clap::Args;

use super::values::{OptionalDuration, OptionalNumber};
use bullhorn_server::StreamLimits;

/// The limits of streams.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Streams")]
pub(crate) struct Streams {
    /// Connections per endpoint
    #[arg(long, value_name = "NUMBER", default_value_t = StreamLimits::default().max_connections, value_parser = clap::value_parser!(usize))]
    pub(crate) max_connections: usize,
    /// Connections in total, or "off"
    #[arg(long, value_name = "NUMBER", default_value_t = OptionalNumber(StreamLimits::default().max_connections_total))]
    pub(crate) max_connections_total: OptionalNumber,
    /// Connections per address, or "off"
    ///
    /// Counts the connections from one IPv4 address or IPv6 /64 (twice as many for a /56, four times for a
    /// /48) over all endpoints. Loopback and Unix peers are not limited.
    #[arg(long, value_name = "NUMBER", default_value_t = OptionalNumber(StreamLimits::default().max_connections_per_address))]
    pub(crate) max_connections_per_address: OptionalNumber,
    /// Close connections idle for this long
    ///
    /// "off" keeps them.
    #[arg(long, value_name = "DURATION", default_value_t = OptionalDuration(StreamLimits::default().idle_timeout))]
    pub(crate) idle_timeout: OptionalDuration,
    /// Close connections unread for this long
    ///
    /// The peer has then taken no byte of its answer; "off" keeps such connections.
    #[arg(long, value_name = "DURATION", default_value_t = OptionalDuration(StreamLimits::default().write_timeout))]
    pub(crate) write_timeout: OptionalDuration,
}

impl Streams {
    /// The limits as settings.
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
