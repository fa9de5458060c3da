//! From an endpoint to bound sockets, ready for a server.
//!
//! A plain bind without address sharing comes first, so that a second server on the same port
//! gets "address in use" instead of half of the traffic.

use std::io;
use std::os::fd::AsRawFd;

use crate::address::Address;
use crate::socket::Socket;

use super::bind_options::BindOptions;
use super::bound::{Bound, BoundSocket};
use super::call::traced_zero;
use super::prepare::{prepare_first, prepare_unbound};
use super::workers::share_address;
use super::{inherit, unix_file};
use crate::endpoint::{Endpoint, Family, FamilyFilter, Host, SocketType, UnixName};
use crate::error::{Error, Operation, Result};
use crate::resolve::RESOLVE_TIMEOUT;
use crate::stop::Stop;

/// Binds every socket of `endpoint`. A name must resolve within [`RESOLVE_TIMEOUT`].
///
/// # Errors
/// [`Error::Resolve`] for a name without addresses; [`Error::Socket`] and [`Error::Unsuitable`]
/// when the kernel refuses, or a file that is not a stale socket is in the way.
pub fn bind(endpoint: &Endpoint, options: &BindOptions) -> Result<Bound> {
    let sockets = match endpoint {
        Endpoint::Descriptor(number) => vec![inherit::inherit(*number, options)?],
        Endpoint::Internet {
            host: Host::Any, ..
        } => return bind_every_address(endpoint, options),
        Endpoint::Internet {
            host: Host::Name(_),
            ..
        } => bind_name(endpoint, options)?,
        Endpoint::Internet { .. } | Endpoint::Unix { .. } => vec![bind_one(endpoint, options)?],
    };
    Ok(Bound {
        sockets,
        without_ipv6: false,
    })
}

/// Every address that the name has and that is this machine's.
fn bind_name(endpoint: &Endpoint, options: &BindOptions) -> Result<Vec<BoundSocket>> {
    let mut sockets = Vec::new();
    let mut not_local = None;
    for candidate in endpoint.resolve(FamilyFilter::All, RESOLVE_TIMEOUT, &Stop::never())? {
        match bind_one(&candidate, options) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_not_local(&error) => not_local = Some(error),
            Err(error) => return Err(error),
        }
    }
    match not_local {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

fn is_not_local(error: &Error) -> bool {
    matches!(error, Error::Socket { source, .. } if matches!(
        source.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT)
    ))
}

/// INADDR_ANY and in6addr_any on one port. With port 0 the kernel chooses for IPv4; when IPv6 has
/// that port taken, another choice is tried.
fn bind_every_address(endpoint: &Endpoint, options: &BindOptions) -> Result<Bound> {
    const CHOICES: usize = 16;
    if let Some(number) = inherit::passed_for_both_families(endpoint, options) {
        return Ok(Bound {
            sockets: vec![inherit::inherit(number, options)?],
            without_ipv6: false,
        });
    }
    let chosen_by_kernel = endpoint.port() == Some(0);
    let mut choice = 1;
    loop {
        let on_ipv4 = bind_one(&with_host(endpoint, Host::V4([0; 4].into())), options)?;
        let port = on_ipv4.description.endpoint.port().unwrap_or_default();
        if !has_ipv6_addresses() {
            return Ok(without_ipv6(on_ipv4));
        }
        let ipv6 = with_host(endpoint, Host::V6([0; 16].into(), None)).with_port(port);
        match bind_one(&ipv6, options) {
            Ok(on_ipv6) => {
                return Ok(Bound {
                    sockets: vec![on_ipv4, on_ipv6],
                    without_ipv6: false,
                });
            }
            Err(error) if is_not_local(&error) => {
                return Ok(without_ipv6(on_ipv4));
            }
            Err(_) if chosen_by_kernel && choice < CHOICES => choice += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Whether any interface has an IPv6 address. Where IPv6 is disabled by sysctl, in6addr_any can
/// still be bound, and would be reported as ready although nothing can reach it.
fn has_ipv6_addresses() -> bool {
    // Without /proc, binding will show.
    std::fs::read("/proc/net/if_inet6").map_or(true, |list| !list.is_empty())
}

fn without_ipv6(on_ipv4: BoundSocket) -> Bound {
    Bound {
        sockets: vec![on_ipv4],
        without_ipv6: true,
    }
}

fn with_host(endpoint: &Endpoint, new_host: Host) -> Endpoint {
    let mut endpoint = endpoint.clone();
    if let Endpoint::Internet { host, .. } = &mut endpoint {
        *host = new_host;
    }
    endpoint
}

fn bind_one(endpoint: &Endpoint, options: &BindOptions) -> Result<BoundSocket> {
    let fail = |operation| move |source| Error::socket(operation, endpoint, source);
    let (Some(family), Some(socket_type)) = (endpoint.family(), endpoint.socket_type()) else {
        return Err(fail(Operation::Bind)(io::ErrorKind::InvalidInput.into()));
    };
    let address = Address::of(endpoint).map_err(fail(Operation::Bind))?;
    if let Some(number) = inherit::passed_for(endpoint, options) {
        return inherit::inherit(number, options);
    }
    let socket = Socket::create(family, socket_type, endpoint.protocol())
        .map_err(fail(Operation::Create))?;
    prepare_unbound(&socket, family, socket_type).map_err(fail(Operation::Configure))?;
    let descriptor = socket.as_raw_fd();
    if family == Family::Inet6 {
        traced_zero(
            format_args!("setsockopt({descriptor}, IPPROTO_IPV6, IPV6_V6ONLY, 1)"),
            socket.0.set_only_v6(true),
        )
        .map_err(fail(Operation::Configure))?;
    }
    if family != Family::Unix && socket_type == SocketType::Stream {
        // Lets a restarted server bind while connections of the last one are in TIME_WAIT; two
        // listeners still collide (socket(7)).
        traced_zero(
            format_args!("setsockopt({descriptor}, SOL_SOCKET, SO_REUSEADDR, 1)"),
            socket.0.set_reuse_address(true),
        )
        .map_err(fail(Operation::Configure))?;
    }
    let file = match endpoint {
        Endpoint::Unix {
            name: UnixName::Path(path),
            ..
        } => Some(unix_file::bind(&socket, &address, path, options, endpoint)?),
        _ => {
            socket.bind_and_listen(&address, endpoint, options.backlog)?;
            None
        }
    };
    let mut bound =
        BoundSocket::new(socket, family, socket_type, None).map_err(fail(Operation::Configure))?;
    bound.set_protocol(endpoint.protocol());
    bound.file = file;
    prepare_first(&bound, options).map_err(fail(Operation::Configure))?;
    if socket_type == SocketType::Datagram && family != Family::Unix {
        share_address(&mut bound, options)?;
    }
    Ok(bound)
}
