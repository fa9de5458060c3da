//! Takes over a socket that another process created and bound: `fd:N`, systemd's socket activation.
//!
//! Family, type and protocol are read from the socket (`inherited`; SO_TYPE of socket(7)).
//! The descriptor is duplicated: the number itself stays open and its owner's.

use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, Type};

use crate::address::Address;
use crate::socket::Socket;

use super::address::type_of;
use super::bind_options::BindOptions;
use super::bound::BoundSocket;
use super::inherited;
use super::prepare::{prepare_first, prepare_unbound};
use super::sys;
use crate::endpoint::{self, Endpoint, Family, SocketType};
use crate::error::{Error, Operation, Result};

/// The first descriptor that systemd passes (sd_listen_fds(3)).
pub(crate) const FIRST_PASSED_DESCRIPTOR: RawFd = 3;

/// IPPROTO_MPTCP, of Linux alone.
const MPTCP: i32 = 262;

/// The descriptors that systemd's LISTEN_PID and LISTEN_FDS announce to this process: 3, 4 and so
/// on, none when they are meant for another process (sd_listen_fds(3)).
///
/// # Errors
/// [`Error::InvalidListenFds`] when LISTEN_FDS is not a number.
pub fn passed_descriptors(
    listen_pid: Option<&str>,
    listen_fds: Option<&str>,
    process_id: u32,
) -> Result<Vec<RawFd>> {
    let (Some(pid), Some(count)) = (listen_pid, listen_fds) else {
        return Ok(Vec::new());
    };
    if pid.parse() != Ok(process_id) {
        return Ok(Vec::new());
    }
    match count.parse::<u16>() {
        Ok(count) => Ok((0..RawFd::from(count))
            .map(|offset| FIRST_PASSED_DESCRIPTOR + offset)
            .collect()),
        Err(_) => Err(Error::InvalidListenFds(count.to_owned())),
    }
}

/// Refuses a descriptor that is not open. To be called for every descriptor before the first socket
/// is created, as one of our own could otherwise have taken the number.
///
/// # Errors
/// [`Error::Unsuitable`].
pub fn check_open(number: RawFd) -> Result<()> {
    duplicate(number).map(drop)
}

/// Those of `numbers` that are open; likewise to be called before the first socket is created.
pub fn open_ones(numbers: &[RawFd]) -> Vec<RawFd> {
    let is_open = |number: &RawFd| duplicate(*number).is_ok();
    numbers.iter().copied().filter(is_open).collect()
}

fn duplicate(number: RawFd) -> Result<OwnedFd> {
    sys::duplicate(number).map_err(|_| {
        let reason = format!(
            "descriptor {number} is not open; the process that starts bullhorn must pass it on"
        );
        unsuitable(number, reason)
    })
}

fn type_name(socket_type: Type) -> String {
    match i32::from(socket_type) {
        libc::SOCK_RAW => "SOCK_RAW".to_owned(),
        number => number.to_string(),
    }
}

/// The name in LISTEN_FDNAMES of each of `count` passed descriptors; empty when it does not hold `count`
/// names (sd_listen_fds_with_names(3)).
pub fn passed_names(listen_fdnames: Option<&str>, count: usize) -> Vec<&str> {
    let names: Vec<&str> = listen_fdnames.map_or(Vec::new(), |names| names.split(':').collect());
    if names.len() == count {
        names
    } else {
        Vec::new()
    }
}

/// The bound socket behind descriptor `number`.
///
/// # Errors
/// [`Error::Unsuitable`] when the descriptor is not open, is not a socket, has an unsupported family or
/// type, is not bound, or is connected.
pub fn inherit(number: RawFd, options: &BindOptions) -> Result<BoundSocket> {
    let by_number = Endpoint::Descriptor(number);
    let fail = |operation| {
        let endpoint = by_number.clone();
        move |source| Error::socket(operation, &endpoint, source)
    };
    let socket = Socket::from(duplicate(number)?);
    let (family, socket_type, protocol) = detect(&socket, number)?;
    if socket.0.peer_addr().is_ok() {
        let reason = "it is connected to one peer; pass a socket that is only bound";
        return Err(unsuitable(number, reason));
    }
    let address = socket.local_addr().map_err(fail(Operation::Inherit))?;
    let is_bound = match address.as_socket() {
        Some(address) => address.port() != 0,
        None => !address.0.is_unnamed(),
    };
    if !is_bound {
        let reason = "it is not bound; bind it before passing it on";
        return Err(unsuitable(number, reason));
    }
    if socket_type.has_connections()
        && !inherited::is_listening(&socket).map_err(fail(Operation::Inherit))?
    {
        socket
            .listen(options.backlog)
            .map_err(fail(Operation::Listen))?;
    }
    prepare_unbound(&socket, family, socket_type).map_err(fail(Operation::Configure))?;
    inherited::reset_options(&socket, family, socket_type).map_err(fail(Operation::Configure))?;
    let mut bound = BoundSocket::new(socket, family, socket_type, Some(number))
        .map_err(fail(Operation::Inherit))?;
    bound.set_protocol(protocol);
    bound.threads = options.inherited_workers.max(1);
    prepare_first(&bound, options).map_err(fail(Operation::Configure))?;
    tracing::debug!(
        "fd:{number} is {} (here also descriptor {})",
        bound.description.endpoint,
        bound.socket.as_raw_fd()
    );
    Ok(bound)
}

/// The family, type and protocol of the socket behind descriptor `number`.
fn detect(socket: &Socket, number: RawFd) -> Result<(Family, SocketType, endpoint::Protocol)> {
    let not_a_socket = |_| unsuitable(number, "it is not a socket");
    let family = match inherited::domain(socket).map_err(not_a_socket)? {
        Domain::IPV4 => Family::Inet,
        Domain::IPV6 => Family::Inet6,
        Domain::UNIX => Family::Unix,
        other => {
            let family = i32::from(other);
            let reason =
                format!("its family is {family}; supported are AF_INET, AF_INET6 and AF_UNIX");
            return Err(unsuitable(number, reason));
        }
    };
    let socket_type = match socket.0.r#type().map_err(not_a_socket)? {
        Type::DGRAM => SocketType::Datagram,
        Type::STREAM => SocketType::Stream,
        Type::SEQPACKET if family == Family::Unix => SocketType::SeqPacket,
        other => {
            let name = type_name(other);
            let reason = format!(
                "its type is {name}; supported are SOCK_DGRAM, SOCK_STREAM and, of AF_UNIX, \
                 SOCK_SEQPACKET"
            );
            return Err(unsuitable(number, reason));
        }
    };
    let protocol = inherited::protocol(socket).map_err(not_a_socket)?;
    let protocol_number = protocol.map_or(0, i32::from);
    let kind = match protocol {
        None | Some(Protocol::UDP | Protocol::TCP) => endpoint::Protocol::Default,
        Some(protocol) if i32::from(protocol) == MPTCP => endpoint::Protocol::Mptcp,
        Some(_) => {
            let reason =
                format!("its protocol is {protocol_number}; supported are UDP, TCP and MPTCP");
            return Err(unsuitable(number, reason));
        }
    };
    tracing::trace!(target: super::call::TARGET,
        "getsockopt({number}, SOL_SOCKET, SO_DOMAIN, SO_TYPE, SO_PROTOCOL) = {family}, {socket_type}, {protocol_number}");
    Ok((family, socket_type, kind))
}

fn unsuitable(number: RawFd, reason: impl Into<String>) -> Error {
    Error::Unsuitable {
        operation: Operation::Inherit,
        endpoint: Endpoint::Descriptor(number),
        reason: reason.into(),
    }
}

/// The passed descriptor whose socket is bound to `endpoint`, if there is one.
pub(super) fn passed_for(endpoint: &Endpoint, options: &BindOptions) -> Option<RawFd> {
    let socket_type = endpoint.socket_type()?;
    let wanted = Address::of(endpoint).ok()?;
    find_passed(options, |socket, address| {
        let is_same = match wanted.as_socket() {
            Some(wanted) => address.as_socket() == Some(wanted),
            None => address
                .to_endpoint(socket_type)
                .is_some_and(|there| there == *endpoint),
        };
        is_same
            && socket
                .0
                .r#type()
                .is_ok_and(|kind| kind == type_of(socket_type))
            && has_protocol_of(socket, endpoint)
    })
}

/// Whether the socket is MPTCP's, if and only if the endpoint is.
fn has_protocol_of(socket: &Socket, endpoint: &Endpoint) -> bool {
    let is_mptcp =
        inherited::protocol(socket).is_ok_and(|protocol| protocol.map_or(0, i32::from) == MPTCP);
    is_mptcp == (endpoint.protocol() == endpoint::Protocol::Mptcp)
}

/// The passed descriptor of a socket bound to every address of both families, as systemd creates
/// for just a port (systemd.socket(5), BindIPv6Only=).
pub(super) fn passed_for_both_families(
    endpoint: &Endpoint,
    options: &BindOptions,
) -> Option<RawFd> {
    let socket_type = endpoint.socket_type()?;
    let wanted = SocketAddr::from((Ipv6Addr::UNSPECIFIED, endpoint.port()?));
    find_passed(options, |socket, address| {
        address.as_socket() == Some(wanted)
            && socket
                .0
                .r#type()
                .is_ok_and(|kind| kind == type_of(socket_type))
            && has_protocol_of(socket, endpoint)
            && socket.0.only_v6().is_ok_and(|only| !only)
    })
}

fn find_passed(
    options: &BindOptions,
    is_wanted: impl Fn(&Socket, &Address) -> bool,
) -> Option<RawFd> {
    options.passed.iter().copied().find(|number| {
        duplicate(*number).is_ok_and(|descriptor| {
            let socket = Socket::from(descriptor);
            socket
                .local_addr()
                .is_ok_and(|address| is_wanted(&socket, &address))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pid: Option<&str>, count: Option<&str>) -> Result<Vec<RawFd>> {
        passed_descriptors(pid, count, 42)
    }

    #[test]
    fn descriptors_passed_to_this_process_begin_with_3() {
        assert_eq!(passed(Some("42"), Some("2")).unwrap(), [3, 4]);
    }

    #[test]
    fn descriptors_passed_to_another_process_are_ignored() {
        for pid in [None, Some(""), Some("1"), Some("x")] {
            assert!(passed(pid, Some("2")).unwrap().is_empty());
            assert!(passed(pid, Some("x")).unwrap().is_empty());
        }
        assert!(passed(Some("42"), None).unwrap().is_empty());
        assert!(passed(Some("42"), Some("0")).unwrap().is_empty());
    }

    #[test]
    fn names_are_ignored_unless_there_is_one_for_each_descriptor() {
        assert_eq!(passed_names(Some("udp:web"), 2), ["udp", "web"]);
        assert_eq!(passed_names(Some(""), 1), [""]);
        for (names, count) in [(None, 1), (Some("a:b"), 1), (Some("a"), 2), (Some("a"), 0)] {
            assert!(passed_names(names, count).is_empty());
        }
    }

    #[test]
    fn a_count_that_is_not_a_number_is_a_usage_error() {
        for count in ["", "x", "-1", "1.5", "99999999999"] {
            let error = passed(Some("42"), Some(count)).unwrap_err();
            assert!(matches!(error, Error::InvalidListenFds(_)));
            assert!(error.to_string().contains("LISTEN_FDS=1"), "{error}");
        }
    }
}
