//! From an endpoint to a connected socket, for clients.
//!
//! Datagram sockets are connected too: the kernel then drops datagrams from other peers, and
//! reports when nothing is listening on the port (ECONNREFUSED; udp(7)).
//!
//! The source port that the kernel chooses may be the very port to connect to, when that is a local
//! one in the ephemeral range (ip(7)): the socket is then connected to itself (for TCP the
//! simultaneous open of RFC 9293, section 3.5), gets its own texts back and keeps a server from the
//! port. The kernel never chooses a port that is taken, so nothing is listening there: it is
//! refused.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::socket::Socket;

use super::backlog::Retry;
use super::buffer_limits::allow_largest_datagram;
use super::call::traced_zero;
use super::checks::check_for_client;
use super::connect_options::ConnectOptions;
use super::poll::PollSet;
use crate::endpoint::{Endpoint, Family, Protocol, SocketType, UnixName};
use crate::error::{Error, Operation, Result};
use crate::stop::Stop;

/// A socket connected to `endpoint`, in non-blocking mode. A Unix datagram socket is bound to its
/// own address first, or no answer could reach it.
///
/// # Errors
/// [`Error::UnsuitableEndpoint`] for an endpoint that only a server can use; [`Error::Path`], also
/// when the socket was connected to itself; [`Error::NoAnswer`] when a stream takes longer than
/// `timeout`, [`Error::Stopped`] when `stop` comes before; [`Error::Source`], [`Error::Socket`].
pub fn connect(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    timeout: Duration,
    stop: &Stop,
) -> Result<Socket> {
    let begun = Instant::now();
    let fail = |source| Error::socket(Operation::Connect, endpoint, source);
    let (socket, mut attempt) = begin_connect(endpoint, options)?;
    while !attempt.advance(&socket).map_err(fail)? {
        let rest = timeout.saturating_sub(begun.elapsed());
        if stop.is_stopped() {
            return Err(Error::Stopped {
                endpoint: endpoint.clone(),
            });
        }
        if rest.is_zero() {
            return Err(Error::NoAnswer {
                endpoint: endpoint.clone(),
                tries: 1,
                waited: timeout,
            });
        }
        let mut poll = PollSet::default();
        let (descriptor, to_write) = attempt.interest(&socket);
        poll.add(descriptor, true, to_write);
        poll.add_stop(stop);
        poll.wait(Some(rest)).map_err(fail)?;
    }
    Ok(socket)
}

/// A non-blocking socket whose connection to `endpoint` has been started, and may be complete.
///
/// # Errors
/// As [`connect`], for failures that show at once.
pub fn begin_connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<(Socket, Attempt)> {
    let (socket, address) = create_for(endpoint, options)?;
    socket
        .set_nonblocking(true)
        .map_err(|source| Error::socket(Operation::Configure, endpoint, source))?;
    let mut attempt = Attempt {
        endpoint: endpoint.clone(),
        address,
        state: State::InProgress,
    };
    attempt
        .call(&socket)
        .map_err(|source| Error::socket(Operation::Connect, endpoint, source))?;
    Ok((socket, attempt))
}

/// A connection attempt in progress.
#[derive(Debug)]
pub struct Attempt {
    endpoint: Endpoint,
    address: Address,
    state: State,
}

#[derive(Debug)]
enum State {
    Made,
    /// The network decides; the socket becomes ready for writing.
    InProgress,
    /// The backlog of the Unix listener is full.
    BacklogFull(Retry),
}

impl Attempt {
    /// Checks the attempt, or retries it where the backlog was full. Returns whether it is
    /// complete.
    pub fn advance(&mut self, socket: &Socket) -> io::Result<bool> {
        match self.state {
            State::Made => Ok(true),
            State::BacklogFull(_) => self.call(socket),
            State::InProgress => {
                let result = match socket.0.take_error() {
                    Ok(None) if socket.0.peer_addr().is_err() => return Ok(false),
                    Ok(None) => Ok(()),
                    Ok(Some(error)) | Err(error) => Err(error),
                };
                self.finish(socket, result)
            }
        }
    }

    /// Whether the connection is complete, as of the last check.
    pub fn is_made(&self) -> bool {
        matches!(self.state, State::Made)
    }

    /// The descriptor to wait for before the next check, and whether to wait until it is writable.
    pub fn interest<'a>(&'a self, socket: &'a Socket) -> (BorrowedFd<'a>, bool) {
        match &self.state {
            State::Made => (socket.as_fd(), false),
            State::InProgress => (socket.as_fd(), true),
            State::BacklogFull(retry) => (retry.as_fd(), false),
        }
    }

    fn call(&mut self, socket: &Socket) -> io::Result<bool> {
        let result = socket.0.connect(&self.address.0);
        match &result {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(false),
            Err(error) if Retry::is_needed(error, self.endpoint.family()) => {
                self.retry_later()?;
                Ok(false)
            }
            _ => self.finish(socket, result),
        }
    }

    fn retry_later(&mut self) -> io::Result<()> {
        if let State::BacklogFull(retry) = &self.state {
            return retry.start();
        }
        let retry = Retry::new()?;
        retry.start()?;
        self.state = State::BacklogFull(retry);
        Ok(())
    }

    fn finish(&mut self, socket: &Socket, result: io::Result<()>) -> io::Result<bool> {
        let descriptor = socket.as_raw_fd();
        let call = format_args!("connect({descriptor}, {})", self.endpoint);
        traced_zero(call, result).map_err(|error| socket.explain(error))?;
        if is_connected_to_itself(socket) {
            // A reset: a port in TIME_WAIT would still keep a server away.
            let _ = socket.0.set_linger(Some(Duration::ZERO));
            return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        }
        self.state = State::Made;
        if let (Some(family), Some(SocketType::Stream)) =
            (self.endpoint.family(), self.endpoint.socket_type())
        {
            // From here on TCP itself retries what an ICMP message is about (RFC 1122, section
            // 4.2.3.9); with the option each one would be an error.
            let _ = socket.set_path_errors(family, false);
        }
        if self.endpoint.protocol() == Protocol::Mptcp {
            note_protocol(socket, &self.endpoint);
        }
        if tracing::enabled!(tracing::Level::DEBUG)
            && let Some(source) = socket.source()
        {
            tracing::debug!("connected to {} from {source}", self.endpoint);
        }
        Ok(true)
    }
}

/// Reports whether the connection became one over MPTCP, of several only the first without it.
fn note_protocol(socket: &Socket, endpoint: &Endpoint) {
    static WARNED: Once = Once::new();
    if socket.is_mptcp() {
        tracing::debug!("the connection to {endpoint} uses MPTCP");
        return;
    }
    tracing::debug!("the connection to {endpoint} uses TCP");
    WARNED.call_once(|| {
        tracing::warn!(
            "{endpoint} has no MPTCP, or something on the path removes it: the connection uses TCP"
        );
    });
}

fn is_connected_to_itself(socket: &Socket) -> bool {
    let own = socket.local_addr().ok().and_then(|own| own.as_socket());
    let peer = socket.0.peer_addr().ok().and_then(|peer| peer.as_socket());
    own.is_some() && own == peer
}

fn create_for(endpoint: &Endpoint, options: &ConnectOptions) -> Result<(Socket, Address)> {
    check_for_client(endpoint)?;
    let fail = |operation| move |source| Error::socket(operation, endpoint, source);
    let (Some(family), Some(socket_type)) = (endpoint.family(), endpoint.socket_type()) else {
        return Err(Error::UnsuitableEndpoint {
            endpoint: endpoint.clone(),
            problem: "must be resolved before it is connected to",
        });
    };
    let address = Address::of(endpoint).map_err(fail(Operation::Connect))?;
    let mut socket = Socket::create(family, socket_type, endpoint.protocol())
        .map_err(fail(Operation::Create))?;
    // Without it, an error is still an error number.
    let _ = socket.set_path_errors(family, true);
    options.apply(&socket, endpoint, &address)?;
    if socket_type.has_messages() {
        allow_largest_datagram(&socket).map_err(fail(Operation::Configure))?;
    }
    if (family, socket_type) == (Family::Unix, SocketType::Datagram) {
        let bound = match endpoint {
            Endpoint::Unix {
                name: UnixName::Path(path),
                ..
            } if options.has_name_beside_server => socket.bind_name_beside(path),
            _ => socket.bind_own_name(),
        };
        bound.map_err(fail(Operation::Bind))?;
    }
    if socket_type == SocketType::Stream && family != Family::Unix {
        // A line is answered line by line: waiting to fill a segment would only add delay.
        socket
            .set_tcp_nodelay(true)
            .map_err(fail(Operation::Configure))?;
    }
    Ok((socket, address))
}
