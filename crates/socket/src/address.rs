//! Between [`Endpoint`] and the kernel's `sockaddr`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

use socket2::{Domain, SockAddr, Socket, Type};

use super::sys;
use crate::endpoint::{Endpoint, Family, Host, SocketType, UnixName, Zone};

/// The kernel's address for an endpoint that is settled: an address or a Unix name. The empty
/// host becomes INADDR_ANY.
///
/// # Errors
/// A zone whose interface does not exist (ENODEV); a name or a descriptor, which have no address
/// of their own (EINVAL).
pub fn to_sockaddr(endpoint: &Endpoint) -> io::Result<SockAddr> {
    match endpoint {
        Endpoint::Internet { host, port, .. } => match host {
            Host::Any => Ok(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, *port).into()),
            Host::V4(address) => Ok(SocketAddrV4::new(*address, *port).into()),
            Host::V6(address, zone) => {
                let scope_id = match zone {
                    None => 0,
                    Some(Zone::Index(index)) => *index,
                    Some(Zone::Name(name)) => sys::interface_index(name)?,
                };
                Ok(SocketAddrV6::new(*address, *port, 0, scope_id).into())
            }
            Host::Name(_) => Err(io::ErrorKind::InvalidInput.into()),
        },
        Endpoint::Unix { name, .. } => match name {
            UnixName::Path(path) => SockAddr::unix(path),
            UnixName::Abstract(name) => SockAddr::unix(format!("\0{name}")),
        },
        Endpoint::Descriptor(_) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The endpoint of a kernel address, or `None` for a Unix socket without a name or with one that
/// could not be typed: it is not text, or has control characters.
pub fn to_endpoint(address: &SockAddr, socket_type: SocketType) -> Option<Endpoint> {
    if let Some(address) = address.as_socket() {
        return Some(Endpoint::internet(socket_type, address));
    }
    let text = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
    };
    let name = if let Some(path) = address.as_pathname() {
        UnixName::Path(text(path.as_os_str().as_bytes())?)
    } else {
        UnixName::Abstract(text(address.as_abstract_namespace()?)?)
    };
    Some(Endpoint::Unix { socket_type, name })
}

/// Whether the address stands for every address of the machine (INADDR_ANY, in6addr_any).
pub fn is_wildcard(address: &SockAddr) -> bool {
    address
        .as_socket()
        .is_some_and(|address| address.ip().is_unspecified())
}

/// Whether a socket is of the family of Unix sockets.
pub fn is_unix(socket: &Socket) -> bool {
    socket.local_addr().is_ok_and(|address| address.is_unix())
}

/// The addresses in a `sockaddr` as an IP address and port, with an IPv4-mapped IPv6 address as
/// the IPv4 address that it stands for.
pub fn canonical(address: &SockAddr) -> Option<SocketAddr> {
    let address = address.as_socket()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// The name in a Unix address: the bytes of a path, or of an abstract name with the zero before it.
/// `None` for a socket without a name, and for other families.
pub fn unix_name(address: &SockAddr) -> Option<&[u8]> {
    if address.domain() != Domain::UNIX {
        return None;
    }
    let name = sys::address_bytes(address).get(size_of::<libc::sa_family_t>()..)?;
    match name {
        [] => None,
        // Abstract names may have zeros in them, and differ by those behind.
        [0, ..] => Some(name),
        path => path.split(|byte| *byte == 0).next(),
    }
}

/// A peer as people read it: its endpoint, or what there is to say of one that has no name.
pub struct Peer<'a>(pub &'a SockAddr, pub SocketType);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = to_endpoint(self.0, self.1) {
            return write!(f, "{}", crate::visible::Visible(&endpoint.to_string()));
        }
        let scheme = match self.1 {
            SocketType::Datagram => "unixgram",
            SocketType::Stream => "unix",
        };
        if let Some(path) = self.0.as_pathname() {
            return write!(f, "{scheme}:{}", path.as_os_str().as_bytes().escape_ascii());
        }
        match self.0.as_abstract_namespace() {
            Some(name) => write!(f, "{scheme}:@{}", name.escape_ascii()),
            None => write!(f, "{scheme}:(no name)"),
        }
    }
}

/// The kernel's number for a family.
pub fn domain_of(family: Family) -> Domain {
    match family {
        Family::Inet => Domain::IPV4,
        Family::Inet6 => Domain::IPV6,
        Family::Unix => Domain::UNIX,
    }
}

/// The kernel's number for a socket type.
pub fn type_of(socket_type: SocketType) -> Type {
    match socket_type {
        SocketType::Datagram => Type::DGRAM,
        SocketType::Stream => Type::STREAM,
    }
}
