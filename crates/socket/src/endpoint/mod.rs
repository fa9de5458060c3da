//! The one way to name a socket: `udp://127.0.0.1:3000`, `unix:/run/bullhorn.sock`, `fd:3`.
//!
//! This file defines [`Endpoint`] and prints it; `parse` reads it, `problem` is the reason why a
//! text is not an endpoint, `convert` accepts other types instead, and `filter` restricts its
//! address family. What is printed parses back to the same endpoint. Pure: no resolver, no kernel
//! addresses, no sockets.

mod convert;
mod filter;
mod parse;
mod problem;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::RawFd;

pub use filter::FamilyFilter;
pub use problem::{ParseEndpointError, Problem};

/// The port of an endpoint that names none.
pub(crate) const DEFAULT_PORT: u16 = 3000;

/// The most bytes a Unix socket path or abstract name may have: `sun_path` holds 108 bytes, one of
/// them for the NUL that ends a path or begins an abstract name (unix(7)).
pub(crate) const MAX_UNIX_NAME: usize = 107;

/// A named socket, as typed by people and printed in logs, JSON and errors.
///
/// ```
/// use bullhorn_socket::{Endpoint, SocketType};
///
/// let endpoint: Endpoint = "localhost".parse()?;
/// assert_eq!(endpoint.to_string(), "udp://localhost:3000");
/// assert_eq!(endpoint.socket_type(), Some(SocketType::Datagram));
/// assert!("udp://127.0.0.1:65536".parse::<Endpoint>().is_err());
/// # Ok::<(), bullhorn_socket::endpoint::ParseEndpointError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `udp://HOST:PORT`, `tcp://HOST:PORT` or `mptcp://HOST:PORT`.
    Internet {
        /// Datagram is UDP, stream is TCP.
        socket_type: SocketType,
        /// The default of the type, or MPTCP for a stream.
        protocol: Protocol,
        /// Whose address.
        host: Host,
        /// The port; 0 lets the kernel choose one when a server binds.
        port: u16,
    },
    /// `unix:NAME`, `unixpacket:NAME` or `unixgram:NAME`.
    Unix {
        /// Stream is `unix:`, sequenced packets are `unixpacket:`, datagram is `unixgram:`.
        socket_type: SocketType,
        /// Where it is found.
        name: UnixName,
    },
    /// `fd:N`: an inherited descriptor; its family and type are read from the socket.
    Descriptor(RawFd),
}

/// How a socket carries bytes: `SOCK_DGRAM`, `SOCK_STREAM` or `SOCK_SEQPACKET` (socket(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketType {
    /// `SOCK_DGRAM`: separate messages, each whole or lost.
    Datagram,
    /// `SOCK_STREAM`: a connection that carries bytes in order.
    Stream,
    /// `SOCK_SEQPACKET`: a connection that carries separate messages in order. Unix sockets only.
    SeqPacket,
}

impl SocketType {
    /// Whether a server listens and accepts connections, and a client connects.
    pub fn has_connections(self) -> bool {
        self != Self::Datagram
    }

    /// Whether each text is a message, and needs no line end.
    pub fn has_messages(self) -> bool {
        self != Self::Stream
    }
}

/// The protocol of a socket: the third argument of socket(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// 0: the default of the family and type.
    #[default]
    Default,
    /// `IPPROTO_MPTCP`: TCP over several paths (RFC 8684), or over one with a peer without it.
    Mptcp,
}

/// The address family of a socket (address_families(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `AF_INET`: IPv4.
    Inet,
    /// `AF_INET6`: IPv6.
    Inet6,
    /// `AF_UNIX`: sockets of this machine, named by a path or an abstract name.
    Unix,
}

/// The host part of an Internet endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// The empty host: every address of the machine, IPv4 and IPv6. For servers.
    Any,
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, with the zone that a link-local address needs (RFC 4007).
    V6(Ipv6Addr, Option<Zone>),
    /// A name for the resolver.
    Name(String),
}

/// The zone of a scoped IPv6 address: the interface on whose link it is valid (RFC 4007, section
/// 6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// By the interface's name, `%eth0`.
    Name(String),
    /// By the interface's number, `%2`.
    Index(u32),
}

/// The name of a Unix socket (unix(7)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// A path in the file system, 1 to 107 bytes.
    Path(String),
    /// A Linux abstract name, 1 to 107 bytes, written with a leading `@`.
    Abstract(String),
}

impl Endpoint {
    /// An Internet endpoint with the given address; a zone is kept by its number.
    pub fn internet(socket_type: SocketType, address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) => {
                let zone = (v6.scope_id() != 0).then(|| Zone::Index(v6.scope_id()));
                Host::V6(*v6.ip(), zone)
            }
        };
        Self::Internet {
            socket_type,
            protocol: Protocol::Default,
            host,
            port: address.port(),
        }
    }

    /// The same kind of endpoint at an IP address; a Unix endpoint or a descriptor stays as it is.
    #[must_use]
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        match self {
            Self::Internet {
                socket_type,
                protocol,
                ..
            } => Self::internet(*socket_type, address).with_protocol(*protocol),
            _ => self.clone(),
        }
    }

    /// The protocol, which is the default except for `mptcp://`.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Internet { protocol, .. } => *protocol,
            Self::Unix { .. } | Self::Descriptor(_) => Protocol::Default,
        }
    }

    /// The same endpoint with another protocol; a Unix endpoint or a descriptor stays as it is.
    #[must_use]
    pub fn with_protocol(mut self, new_protocol: Protocol) -> Self {
        if let Self::Internet { protocol, .. } = &mut self {
            *protocol = new_protocol;
        }
        self
    }

    /// The socket type, or `None` for `fd:N`, where only the socket knows it.
    pub fn socket_type(&self) -> Option<SocketType> {
        match self {
            Self::Internet { socket_type, .. } | Self::Unix { socket_type, .. } => {
                Some(*socket_type)
            }
            Self::Descriptor(_) => None,
        }
    }

    /// The address family, or `None` where it is not settled yet: a name, the empty host, `fd:N`.
    pub fn family(&self) -> Option<Family> {
        match self {
            Self::Internet { host, .. } => match host {
                Host::V4(_) => Some(Family::Inet),
                Host::V6(..) => Some(Family::Inet6),
                Host::Any | Host::Name(_) => None,
            },
            Self::Unix { .. } => Some(Family::Unix),
            Self::Descriptor(_) => None,
        }
    }

    /// The port of an Internet endpoint.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Internet { port, .. } => Some(*port),
            Self::Unix { .. } | Self::Descriptor(_) => None,
        }
    }

    /// The address of an Internet endpoint; `None` for a name, for the empty host, for a zone by
    /// name, and for what is not an Internet endpoint.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let Self::Internet { host, port, .. } = self else {
            return None;
        };
        match host {
            Host::V4(address) => Some((*address, *port).into()),
            Host::V6(address, None) => Some((*address, *port).into()),
            Host::V6(address, Some(Zone::Index(zone))) => {
                Some(SocketAddrV6::new(*address, *port, 0, *zone).into())
            }
            Host::V6(_, Some(Zone::Name(_))) | Host::Any | Host::Name(_) => None,
        }
    }

    /// The same endpoint with another port; a Unix endpoint or a descriptor stays as it is.
    #[must_use]
    pub(crate) fn with_port(mut self, new_port: u16) -> Self {
        if let Self::Internet { port, .. } = &mut self {
            *port = new_port;
        }
        self
    }

    /// The most bytes one text may have in a message to this endpoint, or `None` for streams and
    /// where the family is not settled.
    ///
    /// IPv4: 65,535 less 20 bytes of IP and 8 of UDP header. IPv6: the UDP length field, which
    /// counts its own header, is the limit (RFC 8200 does not count the IPv6 header). Unix: our
    /// receive buffer, [`MAX_UNIX_DATAGRAM`].
    pub fn max_datagram(&self) -> Option<usize> {
        match (self.socket_type()?, self.family()?) {
            (SocketType::Stream, _) => None,
            (SocketType::Datagram, Family::Inet) => Some(MAX_IPV4_DATAGRAM),
            (SocketType::Datagram, Family::Inet6) => Some(MAX_IPV6_DATAGRAM),
            (SocketType::Datagram, Family::Unix) | (SocketType::SeqPacket, _) => {
                Some(MAX_UNIX_DATAGRAM)
            }
        }
    }
}

/// The longest line that a client sends over a stream, and the longest file that it takes texts
/// from, in bytes: bounds its memory.
pub const MAX_LINE: usize = 256 << 20;
/// The largest UDP payload over IPv4, in bytes.
pub const MAX_IPV4_DATAGRAM: usize = 65_507;
/// The largest UDP payload over IPv6 without jumbograms, in bytes.
pub(crate) const MAX_IPV6_DATAGRAM: usize = 65_527;
/// The largest Unix datagram or message that Bullhorn takes or sends, in bytes.
pub const MAX_UNIX_DATAGRAM: usize = 65_536;

impl Default for Endpoint {
    /// `udp://127.0.0.1:3000`, the default endpoint of every verb.
    fn default() -> Self {
        Self::internet(
            SocketType::Datagram,
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
        )
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet {
                socket_type,
                protocol,
                host,
                port,
            } => {
                let scheme = match (socket_type, protocol) {
                    (SocketType::Datagram, _) => "udp",
                    (_, Protocol::Default) => "tcp",
                    (_, Protocol::Mptcp) => "mptcp",
                };
                write!(f, "{scheme}://{host}:{port}")
            }
            Self::Unix { socket_type, name } => {
                write!(f, "{}:{name}", unix_scheme(*socket_type))
            }
            Self::Descriptor(number) => write!(f, "fd:{number}"),
        }
    }
}

/// What is written before the colon of a Unix endpoint.
pub(crate) fn unix_scheme(socket_type: SocketType) -> &'static str {
    match socket_type {
        SocketType::Datagram => "unixgram",
        SocketType::Stream => "unix",
        SocketType::SeqPacket => "unixpacket",
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address, None) => write!(f, "[{address}]"),
            Self::V6(address, Some(zone)) => write!(f, "[{address}%{zone}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Otherwise it would be read as an abstract name, or its slashes as the scheme's.
            Self::Path(path) if path.starts_with('@') => write!(f, "./{path}"),
            Self::Path(path) if path.starts_with("//") => write!(f, "//{path}"),
            Self::Path(path) => f.write_str(path),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

impl fmt::Display for SocketType {
    /// The kernel's name, `SOCK_DGRAM`, `SOCK_STREAM` or `SOCK_SEQPACKET`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Datagram => "SOCK_DGRAM",
            Self::Stream => "SOCK_STREAM",
            Self::SeqPacket => "SOCK_SEQPACKET",
        })
    }
}

impl fmt::Display for Protocol {
    /// As it is written in a call of socket(2): 0, or the kernel's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "0",
            Self::Mptcp => "IPPROTO_MPTCP",
        })
    }
}

impl fmt::Display for Family {
    /// The kernel's name, `AF_INET`, `AF_INET6` or `AF_UNIX`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inet => "AF_INET",
            Self::Inet6 => "AF_INET6",
            Self::Unix => "AF_UNIX",
        })
    }
}
