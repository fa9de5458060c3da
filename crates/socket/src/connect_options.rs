//! How a client's packets leave this machine: their source address, interface, DSCP and TTL.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use crate::address::Address;
use crate::call::traced_zero;
use crate::endpoint::{Endpoint, Family, Protocol, SocketType};
use crate::error::{Error, Operation, Result};
use crate::interface;
use crate::socket::Socket;

/// The highest DSCP: it has six bits (RFC 2474, section 3).
const MAX_DSCP: u8 = 63;

/// How a client's packets leave this machine. By default the kernel decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The address to send from. With port 0 the kernel chooses a port for each socket; another
    /// port can serve one socket at a time.
    pub source: Option<SocketAddr>,
    /// The name of the network interface to send from and receive on (SO_BINDTODEVICE; socket(7)).
    /// Without privileges since Linux 5.7.
    pub interface: Option<String>,
    /// The differentiated services code point of each packet, 0 to 63 (RFC 2474; IP_TOS,
    /// IPV6_TCLASS).
    pub dscp: Option<u8>,
    /// The TTL or hop limit of each packet, 1 to 255 (IP_TTL, IPV6_UNICAST_HOPS).
    pub ttl: Option<u8>,
    /// A Unix datagram socket is bound to a new file beside that of its server, instead of to an
    /// abstract name, which a server in another network namespace cannot answer.
    pub has_name_beside_server: bool,
}

impl ConnectOptions {
    /// The source port, if it is not left to the kernel.
    pub fn source_port(&self) -> Option<u16> {
        let port = self.source?.port();
        (port != 0).then_some(port)
    }

    /// The same options with the source port left to the kernel.
    #[must_use]
    pub fn with_any_port(mut self) -> Self {
        if let Some(source) = &mut self.source {
            source.set_port(0);
        }
        self
    }

    /// Refuses options that are out of range, and any for a Unix socket.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`], [`Error::UnsuitableEndpoint`].
    pub fn check(&self, endpoint: &Endpoint) -> Result<()> {
        if self.dscp.is_some_and(|dscp| dscp > MAX_DSCP) {
            let problem = format!("the DSCP must be from 0 to {MAX_DSCP}");
            return Err(Error::invalid_settings(&["dscp"], problem));
        }
        if self.ttl == Some(0) {
            return Err(Error::invalid_settings(
                &["ttl"],
                "the TTL must be above zero",
            ));
        }
        if endpoint.protocol() == Protocol::Mptcp && self.ttl.is_some() {
            return Err(Error::UnsuitableEndpoint {
                endpoint: endpoint.clone(),
                problem: "is MPTCP, whose sockets have no TTL option in Linux; use tcp://",
            });
        }
        let none = Self {
            has_name_beside_server: self.has_name_beside_server,
            ..Self::default()
        };
        if endpoint.family() == Some(Family::Unix) && *self != none {
            return Err(Error::UnsuitableEndpoint {
                endpoint: endpoint.clone(),
                problem: "is a Unix socket, which has no source address, interface, DSCP or TTL",
            });
        }
        Ok(())
    }

    /// Those of `addresses` that have the family of the source.
    ///
    /// # Errors
    /// [`Error::NoSourceFamily`] when none has; `given` is what the addresses belong to.
    pub fn with_source_family(
        &self,
        given: &Endpoint,
        mut addresses: Vec<Endpoint>,
    ) -> Result<Vec<Endpoint>> {
        let Some(address) = self.source.map(|source| source.ip()) else {
            return Ok(addresses);
        };
        let family = match address {
            IpAddr::V4(_) => Family::Inet,
            IpAddr::V6(_) => Family::Inet6,
        };
        addresses.retain(|address| address.family() == Some(family));
        if addresses.is_empty() {
            return Err(Error::NoSourceFamily {
                endpoint: given.clone(),
                address,
            });
        }
        Ok(addresses)
    }

    /// Prepares a new socket for its connection to `endpoint`, whose address is `peer`.
    pub(crate) fn apply(&self, socket: &Socket, endpoint: &Endpoint, peer: &Address) -> Result<()> {
        if let Some(name) = &self.interface {
            let descriptor = socket.as_raw_fd();
            let call =
                format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_BINDTODEVICE, {name})");
            traced_zero(call, interface::bind(socket, name)).map_err(|source| Error::Source {
                origin: format!("interface {name}"),
                source,
            })?;
        }
        self.mark(socket, peer)
            .map_err(|source| Error::socket(Operation::Configure, endpoint, source))?;
        let Some(address) = self.source else {
            return Ok(());
        };
        bind(socket, endpoint, with_zone_of(address, peer)).map_err(|source| Error::Source {
            origin: match address.port() {
                0 => address.ip().to_string(),
                _ => address.to_string(),
            },
            source,
        })
    }

    /// Sets DSCP and TTL. What an IPv6 socket sends to an IPv4-mapped address is IPv4.
    fn mark(&self, socket: &Socket, peer: &Address) -> io::Result<()> {
        let is_ipv4 = peer.canonical().is_some_and(|peer| peer.is_ipv4());
        let descriptor = socket.as_raw_fd();
        if let Some(dscp) = self.dscp {
            // The two bits below it are ECN's (RFC 3168).
            let value = u32::from(dscp) << 2;
            let (option, result) = if is_ipv4 {
                ("IPPROTO_IP, IP_TOS", socket.0.set_tos_v4(value))
            } else {
                ("IPPROTO_IPV6, IPV6_TCLASS", socket.0.set_tclass_v6(value))
            };
            traced_zero(
                format_args!("setsockopt({descriptor}, {option}, {value})"),
                result,
            )?;
        }
        if let (Some(ttl), Some(peer)) = (self.ttl, peer.as_socket()) {
            socket.set_ttl(peer.ip(), ttl)?;
        }
        Ok(())
    }
}

fn bind(socket: &Socket, endpoint: &Endpoint, source: SocketAddr) -> io::Result<()> {
    let socket_type = endpoint.socket_type().unwrap_or(SocketType::Datagram);
    if socket_type == SocketType::Stream && source.port() != 0 {
        // Otherwise a port could not be reused while an earlier connection from it is in TIME_WAIT.
        let call = format_args!(
            "setsockopt({}, SOL_SOCKET, SO_REUSEADDR, 1)",
            socket.as_raw_fd()
        );
        traced_zero(call, socket.0.set_reuse_address(true))?;
    }
    let shown = endpoint.at(source);
    socket.bind(&Address::from(source), &shown)
}

/// A link-local address is bound in a zone (ipv6(7)): in that of the peer, unless it has its own.
fn with_zone_of(mut source: SocketAddr, peer: &Address) -> SocketAddr {
    if let (SocketAddr::V6(source), Some(SocketAddr::V6(peer))) = (&mut source, peer.as_socket())
        && source.ip().is_unicast_link_local()
        && source.scope_id() == 0
    {
        source.set_scope_id(peer.scope_id());
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(source: &str) -> ConnectOptions {
        ConnectOptions {
            source: Some(source.parse().unwrap()),
            ..ConnectOptions::default()
        }
    }

    #[test]
    fn addresses_of_another_family_than_the_source_are_left_out() {
        let given: Endpoint = "udp://localhost:1".parse().unwrap();
        let all: Vec<Endpoint> = ["udp://[::1]:1", "udp://127.0.0.1:1"]
            .map(|address| address.parse().unwrap())
            .to_vec();
        let kept = from("127.0.0.1:0").with_source_family(&given, all.clone());
        assert_eq!(kept.unwrap(), all[1..]);
        let kept = from("[::1]:0").with_source_family(&given, all.clone());
        assert_eq!(kept.unwrap(), all[..1]);
        let options = ConnectOptions::default();
        assert_eq!(
            options.with_source_family(&given, all.clone()).unwrap(),
            all
        );
        let error = from("[::1]:0").with_source_family(&given, all[1..].to_vec());
        assert_eq!(
            error.unwrap_err().to_string(),
            "udp://localhost:1 has no IPv6 address, and the source ::1 is one"
        );
    }

    #[test]
    fn what_a_unix_socket_does_not_have_is_refused() {
        let unix: Endpoint = "unix:@name".parse().unwrap();
        assert!(ConnectOptions::default().check(&unix).is_ok());
        let ttl = ConnectOptions {
            ttl: Some(1),
            ..ConnectOptions::default()
        };
        for options in [from("127.0.0.1:0"), ttl] {
            let error = options.check(&unix).unwrap_err();
            assert!(matches!(error, Error::UnsuitableEndpoint { .. }));
            assert!(options.check(&Endpoint::default()).is_ok());
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (dscp, ttl) in [(Some(64), None), (None, Some(0))] {
            let options = ConnectOptions {
                dscp,
                ttl,
                ..ConnectOptions::default()
            };
            let error = options.check(&Endpoint::default()).unwrap_err();
            assert!(matches!(error, Error::InvalidSettings { .. }));
        }
    }

    #[test]
    fn a_link_local_source_takes_the_zone_of_its_peer() {
        let peer = Address::from("[fe80::2%7]:1".parse::<SocketAddr>().unwrap());
        for (source, expected) in [
            ("[fe80::1]:5", "[fe80::1%7]:5"),
            ("[fe80::1%3]:5", "[fe80::1%3]:5"),
            ("[fd00::1]:5", "[fd00::1]:5"),
        ] {
            let zoned = with_zone_of(source.parse().unwrap(), &peer);
            assert_eq!(zoned, expected.parse().unwrap());
        }
    }
}
