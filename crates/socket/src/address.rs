//! Socket addresses: between [`Endpoint`] and the kernel's `sockaddr`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use socket2::{Domain, SockAddr, Type};

use crate::endpoint::{Endpoint, Family, Host, SocketType, UnixName, Zone, unix_scheme};
use crate::sys;
use crate::unix_name;

/// The address of a socket as the kernel stores it (`sockaddr`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Address(pub(crate) SockAddr);

impl Address {
    /// The address of a resolved endpoint: an IP address or a Unix name. The empty host becomes
    /// INADDR_ANY.
    ///
    /// # Errors
    /// ENODEV for a zone whose interface does not exist; EINVAL for a host name or a descriptor,
    /// which have no address of their own; `Unsupported` for an abstract name elsewhere than on
    /// Linux.
    pub fn of(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Internet { host, port, .. } => match host {
                Host::Any => Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)).into()),
                Host::V4(address) => Ok(SocketAddr::from((*address, *port)).into()),
                Host::V6(address, zone) => {
                    let scope_id = match zone {
                        None => 0,
                        Some(Zone::Index(index)) => *index,
                        Some(Zone::Name(name)) => sys::interface_index(name)?,
                    };
                    Ok(SocketAddr::V6(SocketAddrV6::new(*address, *port, 0, scope_id)).into())
                }
                Host::Name(_) => Err(io::ErrorKind::InvalidInput.into()),
            },
            Endpoint::Unix { name, .. } => match name {
                UnixName::Path(path) => Self::unix(path),
                UnixName::Abstract(name) => unix_name::abstract_address(name).map(Self),
            },
            Endpoint::Descriptor(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The address of a Unix socket: a path, on Linux also an abstract name after a zero byte.
    ///
    /// # Errors
    /// EINVAL for a path longer than 107 bytes, elsewhere than on Linux 103.
    pub fn unix(name: impl AsRef<Path>) -> io::Result<Self> {
        SockAddr::unix(name).map(Self)
    }

    /// The endpoint at this address, or `None` for a Unix socket without a name or with a name
    /// that cannot be typed: it is not UTF-8, or contains control characters.
    pub(crate) fn to_endpoint(&self, socket_type: SocketType) -> Option<Endpoint> {
        if let Some(address) = self.as_socket() {
            return Some(Endpoint::internet(socket_type, address));
        }
        let text = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok()?;
            (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
        };
        let name = if let Some(path) = self.0.as_pathname() {
            UnixName::Path(text(path.as_os_str().as_bytes())?)
        } else {
            UnixName::Abstract(text(self.0.as_abstract_namespace()?)?)
        };
        Some(Endpoint::Unix { socket_type, name })
    }

    /// The IP address and port, or `None` for a Unix address.
    #[inline]
    pub fn as_socket(&self) -> Option<SocketAddr> {
        self.0.as_socket()
    }

    /// The IP address and port, an IPv4-mapped IPv6 address as the IPv4 address in it.
    #[inline]
    pub fn canonical(&self) -> Option<SocketAddr> {
        let address = self.as_socket()?;
        Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// The same with port 0, and an IPv4-mapped IPv6 address as the IPv4 address in it. A Unix address
    /// has no port.
    #[must_use]
    pub fn without_port(&self) -> Self {
        match self.as_socket() {
            Some(SocketAddr::V6(address)) if address.ip().to_ipv4_mapped().is_none() => {
                // The zone distinguishes link-local addresses.
                let (ip, scope_id) = (*address.ip(), address.scope_id());
                SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, scope_id)).into()
            }
            Some(address) => SocketAddr::new(address.ip().to_canonical(), 0).into(),
            None => self.clone(),
        }
    }

    /// Whether it is the wildcard: every address of the machine (INADDR_ANY, in6addr_any).
    pub(crate) fn is_wildcard(&self) -> bool {
        self.as_socket()
            .is_some_and(|address| address.ip().is_unspecified())
    }

    /// Whether it is the address of a Unix socket, with or without a name.
    pub fn is_unix(&self) -> bool {
        self.0.is_unix()
    }

    /// The name in a Unix address: the bytes of a path, or of an abstract name with the zero byte
    /// before it. `None` for a socket without a name, and for other families.
    pub fn unix_name(&self) -> Option<&[u8]> {
        if !self.is_unix() {
            return None;
        }
        unix_name::name_in(sys::address_bytes(&self.0))
    }

    /// Whether an answer can reach a sender that the kernel gave this address.
    #[inline]
    pub(crate) fn is_reachable(&self) -> bool {
        unix_name::is_reachable(&self.0)
    }

    /// Bytes in use, the family included; 0 where the kernel gave no address.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len() as usize
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(address.into())
    }
}

/// Shows a peer by its endpoint, or a description if it has no name.
#[derive(Debug)]
pub struct Peer<'a>(pub &'a Address, pub SocketType);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = self.0.to_endpoint(self.1) {
            return write!(f, "{}", crate::visible::Visible(&endpoint.to_string()));
        }
        let scheme = unix_scheme(self.1);
        if let Some(path) = self.0.0.as_pathname() {
            return write!(f, "{scheme}:{}", path.as_os_str().as_bytes().escape_ascii());
        }
        match self.0.0.as_abstract_namespace() {
            Some(name) => write!(f, "{scheme}:@{}", name.escape_ascii()),
            None => write!(f, "{scheme}:(no name)"),
        }
    }
}

/// The kernel's number for a family.
pub(crate) fn domain_of(family: Family) -> Domain {
    match family {
        Family::Inet => Domain::IPV4,
        Family::Inet6 => Domain::IPV6,
        Family::Unix => Domain::UNIX,
    }
}

/// The kernel's number for a socket type.
pub(crate) fn type_of(socket_type: SocketType) -> Type {
    match socket_type {
        SocketType::Datagram => Type::DGRAM,
        SocketType::Stream => Type::STREAM,
        SocketType::SeqPacket => Type::SEQPACKET,
    }
}
