//! From an endpoint to a connected socket, for clients.
//!
//! Datagram sockets are connected too: the kernel then drops what comes from elsewhere, and tells
//! us when nobody holds the port (ECONNREFUSED; udp(7)).

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{SockAddr, Socket};

use super::address::to_sockaddr;
use super::bind::create;
use super::call::traced_zero;
use crate::endpoint::{Endpoint, Family, Host, SocketType};
use crate::error::{Error, Operation, Result};

/// A socket connected to `endpoint`, in blocking mode. A Unix datagram socket gets an address of
/// its own first (autobind; unix(7)), else no answer could reach it.
///
/// # Errors
/// [`Error::Usage`] for an endpoint that no client can ask; [`Error::Refused`],
/// [`Error::NoAnswer`] when a stream takes longer than `timeout`; [`Error::Socket`].
pub fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Socket> {
    let Unconnected {
        socket,
        address,
        family,
        socket_type,
    } = create_for(endpoint)?;
    let result = match (family, socket_type) {
        (Family::Inet | Family::Inet6, SocketType::Stream) => {
            socket.connect_timeout(&address, timeout)
        }
        _ => socket.connect(&address),
    };
    let descriptor = socket.as_raw_fd();
    traced_zero(format_args!("connect({descriptor}, {endpoint})"), result).map_err(|source| {
        if source.kind() == io::ErrorKind::TimedOut {
            Error::NoAnswer {
                endpoint: endpoint.clone(),
                tries: 1,
                waited: timeout,
            }
        } else {
            Error::socket(Operation::Connect, endpoint, source)
        }
    })?;
    Ok(socket)
}

/// A socket in non-blocking mode whose connection to `endpoint` is begun, and perhaps made: it is
/// once the socket is ready for writing and has no pending error (connect(2), EINPROGRESS).
///
/// # Errors
/// As [`connect`], as far as they show at once.
pub fn begin_connect(endpoint: &Endpoint) -> Result<Socket> {
    let Unconnected {
        socket, address, ..
    } = create_for(endpoint)?;
    socket
        .set_nonblocking(true)
        .map_err(|source| Error::socket(Operation::Configure, endpoint, source))?;
    let descriptor = socket.as_raw_fd();
    let result = traced_zero(
        format_args!("connect({descriptor}, {endpoint})"),
        socket.connect(&address),
    );
    match result {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        result => result
            .map(|()| socket)
            .map_err(|source| Error::socket(Operation::Connect, endpoint, source)),
    }
}

struct Unconnected {
    socket: Socket,
    address: SockAddr,
    family: Family,
    socket_type: SocketType,
}

fn create_for(endpoint: &Endpoint) -> Result<Unconnected> {
    check_for_client(endpoint)?;
    let fail = |operation| move |source| Error::socket(operation, endpoint, source);
    let (Some(family), Some(socket_type)) = (endpoint.family(), endpoint.socket_type()) else {
        return Err(Error::Usage(format!(
            "{endpoint} must be resolved before it is connected to"
        )));
    };
    let address = to_sockaddr(endpoint).map_err(fail(Operation::Connect))?;
    let socket = create(family, socket_type).map_err(fail(Operation::Create))?;
    if (family, socket_type) == (Family::Unix, SocketType::Datagram) {
        traced_zero(
            format_args!("bind({}, autobind)", socket.as_raw_fd()),
            SockAddr::unix("").and_then(|unnamed| socket.bind(&unnamed)),
        )
        .map_err(fail(Operation::Bind))?;
    }
    if socket_type == SocketType::Stream && family != Family::Unix {
        // A line is answered line by line: waiting to fill a segment would only add delay.
        socket
            .set_tcp_nodelay(true)
            .map_err(fail(Operation::Configure))?;
    }
    Ok(Unconnected {
        socket,
        address,
        family,
        socket_type,
    })
}

/// Refuses what only a server can use: the empty host, port 0, a descriptor.
pub(crate) fn check_for_client(endpoint: &Endpoint) -> Result<()> {
    let usage = |problem: String| Err(Error::Usage(problem));
    match endpoint {
        Endpoint::Internet {
            host: Host::Any, ..
        } => {
            let example = match endpoint.socket_type() {
                Some(SocketType::Stream) => "tcp://127.0.0.1:3000",
                _ => "udp://127.0.0.1:3000",
            };
            usage(format!(
                "{endpoint} has no host; the empty host is for servers, a client asks one, as in {example}"
            ))
        }
        Endpoint::Internet { port: 0, .. } => usage(format!(
            "{endpoint} has port 0, which is for servers; ask the port that the server printed"
        )),
        Endpoint::Descriptor(_) => usage(format!(
            "{endpoint} is for servers; a client needs an address, as in udp://127.0.0.1:3000"
        )),
        _ => Ok(()),
    }
}
