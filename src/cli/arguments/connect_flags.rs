//! The flags of every client about how its packets leave this machine.

use std::net::SocketAddr;

use clap::Args;

use super::values::{Dscp, source_address};
use bullhorn_socket::ConnectOptions;

/// Where packets leave from, and how they are marked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ConnectFlags {
    /// Send from this address; with a port, over one flow
    ///
    /// As in 192.0.2.1, 192.0.2.1:4000, 2001:db8::1 or [2001:db8::1]:4000. Of the addresses of a name, those
    /// of its family are used. With a port, send has one datagram in flight, and ping and bench take
    /// --flows 1.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = source_address)]
    source: Option<SocketAddr>,
    /// Send and receive through this network interface
    ///
    /// SO_BINDTODEVICE, which needs no privileges since Linux 5.7.
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Mark packets with this DSCP: 0 to 63, EF, AF41, CS1, ...
    ///
    /// The upper six bits of the IPv4 TOS field or the IPv6 traffic class. The names are those of IANA: CS0 to
    /// CS7, AF11 to AF43, EF, VOICE-ADMIT, LE and DF.
    #[arg(long, value_name = "DSCP")]
    dscp: Option<Dscp>,
    /// TTL or hop limit of packets
    #[arg(long, value_name = "HOPS", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
}

impl ConnectFlags {
    /// The options of the client's sockets.
    pub(crate) fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::default();
        options.source = self.source;
        options.interface.clone_from(&self.interface);
        options.dscp = self.dscp.map(|dscp| dscp.0);
        options.ttl = self.ttl;
        options
    }
}
