//! Taking over a socket that somebody else created and bound: `fd:N`, systemd's socket activation.
//!
//! Family, type and protocol are asked of the socket (SO_DOMAIN, SO_TYPE, SO_PROTOCOL; socket(7)).
//! The descriptor is duplicated: the number itself stays open and its owner's.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::bind::{BindOptions, BoundSocket, listen, prepare_first};
use super::sys;
use crate::endpoint::{Endpoint, Family, SocketType};
use crate::error::{Error, Operation, Result};

/// The first descriptor that systemd passes (sd_listen_fds(3)).
pub const FIRST_PASSED_DESCRIPTOR: RawFd = 3;

/// The endpoints that systemd's LISTEN_PID and LISTEN_FDS announce to this process: `fd:3`,
/// `fd:4` and so on, none when they are meant for another process (sd_listen_fds(3)).
///
/// # Errors
/// [`Error::Usage`] when LISTEN_FDS is no number.
pub fn passed_endpoints(
    listen_pid: Option<&str>,
    listen_fds: Option<&str>,
    process_id: u32,
) -> Result<Vec<Endpoint>> {
    let (Some(pid), Some(count)) = (listen_pid, listen_fds) else {
        return Ok(Vec::new());
    };
    if pid.parse() != Ok(process_id) {
        return Ok(Vec::new());
    }
    match count.parse::<u16>() {
        Ok(count) => Ok((0..RawFd::from(count))
            .map(|offset| Endpoint::Descriptor(FIRST_PASSED_DESCRIPTOR + offset))
            .collect()),
        Err(_) => Err(Error::Usage(format!(
            "LISTEN_FDS={count:?} is no number of descriptors; systemd sets it, as in LISTEN_FDS=1"
        ))),
    }
}

/// Refuses a descriptor that is not open. Asked of every descriptor before the first socket is
/// made, else one of our own could have taken the number.
///
/// # Errors
/// [`Error::Unsuitable`].
pub(crate) fn check_open(number: RawFd) -> Result<()> {
    duplicate(number).map(drop)
}

fn duplicate(number: RawFd) -> Result<OwnedFd> {
    sys::duplicate(number).map_err(|_| Error::Unsuitable {
        operation: Operation::Inherit,
        endpoint: Endpoint::Descriptor(number),
        reason: format!(
            "descriptor {number} is not open; the process that starts bullhorn must pass it on"
        ),
    })
}

fn type_name(socket_type: Type) -> String {
    match i32::from(socket_type) {
        libc::SOCK_RAW => "SOCK_RAW".to_owned(),
        libc::SOCK_SEQPACKET => "SOCK_SEQPACKET".to_owned(),
        number => number.to_string(),
    }
}

/// The bound socket behind descriptor `number`.
///
/// # Errors
/// [`Error::Unsuitable`] when the descriptor is not open, is no socket, is of another family or
/// type than ours, is not bound, or is connected.
pub fn inherit(number: RawFd, options: &BindOptions) -> Result<BoundSocket> {
    let endpoint = Endpoint::Descriptor(number);
    let refuse = |reason: String| Error::Unsuitable {
        operation: Operation::Inherit,
        endpoint: endpoint.clone(),
        reason,
    };
    let fail = |operation| {
        let endpoint = endpoint.clone();
        move |source| Error::socket(operation, &endpoint, source)
    };
    let socket = Socket::from(duplicate(number)?);
    let not_a_socket = |_| refuse("it is not a socket".to_owned());
    let family = match socket.domain().map_err(not_a_socket)? {
        Domain::IPV4 => Family::Inet,
        Domain::IPV6 => Family::Inet6,
        Domain::UNIX => Family::Unix,
        other => {
            return Err(refuse(format!(
                "its family is {}; served are AF_INET, AF_INET6 and AF_UNIX",
                i32::from(other)
            )));
        }
    };
    let socket_type = match socket.r#type().map_err(not_a_socket)? {
        Type::DGRAM => SocketType::Datagram,
        Type::STREAM => SocketType::Stream,
        other => {
            return Err(refuse(format!(
                "its type is {}; served are SOCK_DGRAM and SOCK_STREAM",
                type_name(other)
            )));
        }
    };
    let protocol = socket.protocol().map_err(not_a_socket)?;
    if !matches!(protocol, None | Some(Protocol::UDP | Protocol::TCP)) {
        return Err(refuse(format!(
            "its protocol is {}; served are UDP and TCP",
            protocol.map_or(0, i32::from)
        )));
    }
    tracing::trace!(target: super::call::TARGET,
        "getsockopt({number}, SOL_SOCKET, SO_DOMAIN, SO_TYPE, SO_PROTOCOL) = {family}, {socket_type}, {}",
        protocol.map_or(0, i32::from));
    if socket.peer_addr().is_ok() {
        return Err(refuse(
            "it is connected to one peer; pass a socket that is only bound".into(),
        ));
    }
    let address = socket.local_addr().map_err(fail(Operation::Inherit))?;
    let is_bound = match address.as_socket() {
        Some(address) => address.port() != 0,
        None => !address.is_unnamed(),
    };
    if !is_bound {
        return Err(refuse(
            "it is not bound; bind it before passing it on".into(),
        ));
    }
    if socket_type == SocketType::Stream
        && !socket.is_listener().map_err(fail(Operation::Inherit))?
    {
        listen(&socket, options.backlog).map_err(fail(Operation::Listen))?;
    }
    let bound = BoundSocket::new(socket, family, socket_type, Some(number))
        .map_err(fail(Operation::Inherit))?;
    prepare_first(&bound, options).map_err(fail(Operation::Configure))?;
    tracing::debug!(
        "fd:{number} is {} (here also descriptor {})",
        bound.description.endpoint,
        bound.socket.as_raw_fd()
    );
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pid: Option<&str>, count: Option<&str>) -> Result<Vec<Endpoint>> {
        passed_endpoints(pid, count, 42)
    }

    #[test]
    fn what_is_passed_to_this_process_begins_with_descriptor_3() {
        let endpoints = passed(Some("42"), Some("2")).unwrap();
        assert_eq!(
            endpoints,
            [Endpoint::Descriptor(3), Endpoint::Descriptor(4)]
        );
    }

    #[test]
    fn what_is_passed_to_another_process_is_not_ours() {
        for pid in [None, Some(""), Some("1"), Some("x")] {
            assert_eq!(passed(pid, Some("2")).unwrap(), []);
            assert_eq!(passed(pid, Some("x")).unwrap(), []);
        }
        assert_eq!(passed(Some("42"), None).unwrap(), []);
        assert_eq!(passed(Some("42"), Some("0")).unwrap(), []);
    }

    #[test]
    fn a_count_that_is_no_number_is_a_usage_error() {
        for count in ["", "x", "-1", "1.5", "99999999999"] {
            let error = passed(Some("42"), Some(count)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("LISTEN_FDS=1"), "{error}");
        }
    }
}
