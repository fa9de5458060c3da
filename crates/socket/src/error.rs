//! What can go wrong: the operation, the endpoint, the cause, and the remedy.
//!
//! One enum for all of Bullhorn's libraries. Each error reads as one line; flags and exit codes are the
//! program's.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::endpoint::{
    Endpoint, Family, FamilyFilter, Host, ParseEndpointError, Protocol, SocketType,
};
use crate::path_error::{PathError, PathOutcome};
use crate::remedies::{
    FORBIDDEN_PORT, LIST_ADDRESSES, LIST_DATAGRAM_SOCKETS, LIST_LISTENERS, NO_INTERFACE,
    RESERVED_PORT,
};

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure, readable as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Settings that cannot be used as given.
    #[error("{problem}")]
    InvalidSettings {
        /// Which ones, by the names of their fields.
        settings: &'static [&'static str],
        /// What is wrong with them, with the limit.
        problem: String,
    },
    /// An endpoint that cannot be used in this way.
    #[error("{endpoint} {problem}")]
    UnsuitableEndpoint {
        /// The endpoint as given.
        endpoint: Endpoint,
        /// Why it cannot be used, and what can.
        problem: &'static str,
    },
    /// An address of the family that the filter excludes.
    #[error("{}", explain_family(endpoint, *filter))]
    OtherFamily {
        /// The endpoint as given.
        endpoint: Endpoint,
        /// What may be used.
        filter: FamilyFilter,
    },
    /// An endpoint without an address of the family of the source.
    #[error("{endpoint} has no {} address, and the source {address} is one",
        if address.is_ipv4() { "IPv4" } else { "IPv6" })]
    NoSourceFamily {
        /// The endpoint as given.
        endpoint: Endpoint,
        /// The address to send from.
        address: IpAddr,
    },
    /// An address or an interface that this machine cannot send from.
    #[error("cannot send from {origin}: {}", explain_source(source))]
    Source {
        /// The address, with or without a port, or the interface.
        origin: String,
        /// The kernel's error.
        source: io::Error,
    },
    /// No address is left to connect to.
    #[error("there is no address to connect to")]
    NoAddress,
    /// The variable LISTEN_FDS of the environment, which is not a number.
    #[error("LISTEN_FDS={0:?} is not a number of descriptors; systemd sets it, as in LISTEN_FDS=1")]
    InvalidListenFds(String),
    /// A server without a socket.
    #[error("no endpoint to serve")]
    NothingToServe,
    /// An impairment for a server without a datagram endpoint.
    #[error(
        "only datagrams can be impaired, and there is no datagram endpoint; add one, as in \
         udp://127.0.0.1:3000"
    )]
    NothingToImpair,
    /// A text that is not an endpoint.
    #[error(transparent)]
    Endpoint(#[from] ParseEndpointError),
    /// A name without a usable address.
    #[error("cannot resolve {name:?}: {source}")]
    Resolve {
        /// The name that was looked up.
        name: String,
        /// Why it has no address.
        source: ResolveProblem,
    },
    /// A socket call that this machine's kernel refused.
    #[error("cannot {operation} {endpoint}: {}", explain(*operation, endpoint, source))]
    Socket {
        /// What failed.
        operation: Operation,
        /// The socket it was for.
        endpoint: Endpoint,
        /// The kernel's error.
        source: io::Error,
    },
    /// A socket that cannot be used for the operation, though no call failed.
    #[error("cannot {operation} {endpoint}: {reason}")]
    Unsuitable {
        /// What failed.
        operation: Operation,
        /// The socket it was for.
        endpoint: Endpoint,
        /// Why it cannot, and what can.
        reason: String,
    },
    /// The path, or the peer itself, reports why there is no answer: refused, rejected, unreachable.
    #[error("{}", explain_path(endpoint, error))]
    Path {
        /// The peer.
        endpoint: Endpoint,
        /// What was reported, and by whom.
        error: PathError,
    },
    /// No answer arrived before the deadline.
    #[error("no answer from {endpoint} within {} ({tries} {})",
        humantime::format_duration(*waited), if *tries == 1 { "try" } else { "tries" })]
    NoAnswer {
        /// The peer.
        endpoint: Endpoint,
        /// The number of times the text was sent.
        tries: u32,
        /// The total time waited.
        waited: Duration,
    },
    /// The connection ended before the answer was complete.
    #[error("{endpoint} closed the connection before it answered")]
    Closed {
        /// The peer.
        endpoint: Endpoint,
    },
    /// The work was [stopped](crate::stop::Stop) before the answer came.
    #[error("stopped before {endpoint} answered")]
    Stopped {
        /// The peer.
        endpoint: Endpoint,
    },
    /// An answer that is not the text in capitals.
    #[error("wrong answer from {endpoint}: {problem}")]
    WrongAnswer {
        /// The peer.
        endpoint: Endpoint,
        /// How the answer differs.
        problem: String,
    },
    /// The source of the texts cannot be read.
    #[error("cannot read the texts: {}", plain(.0))]
    Texts(#[source] io::Error),
    /// A thread of this program panicked, which is a bug in it.
    #[error("a worker panicked, which is a bug: {0}")]
    Panicked(String),
    /// A text that does not fit a datagram, or is longer than a line may be.
    #[error("{}", explain_too_long(endpoint, *length, *limit))]
    TooLong {
        /// Its destination.
        endpoint: Endpoint,
        /// Its length in bytes; `None` for a text that was not read to its end.
        length: Option<usize>,
        /// The maximum length in bytes.
        limit: usize,
    },
}

/// Why a name has no usable address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveProblem {
    /// The resolver has no address, or none of the families that the filter admits.
    #[error("it has no {}", match .0 {
        FamilyFilter::All => "address",
        FamilyFilter::Inet => "IPv4 address",
        FamilyFilter::Inet6 => "IPv6 address",
    })]
    NoAddress(FamilyFilter),
    /// What the system's resolver reports.
    #[error("{0}")]
    Resolver(String),
    /// The resolver did not answer within this time.
    #[error("the resolver did not answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The work was stopped first.
    #[error("stopped before the resolver answered")]
    Stopped,
    /// A call that waits for the resolver failed.
    #[error("cannot wait for the resolver: {}", plain(.0))]
    Wait(#[from] io::Error),
}

/// The operation during which a socket call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the call of the same name")]
pub enum Operation {
    Create,
    Configure,
    Bind,
    Listen,
    Inherit,
    Connect,
    Send,
    Receive,
    Start,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create a socket for",
            Self::Configure => "configure the socket of",
            Self::Bind => "bind",
            Self::Listen => "listen on",
            Self::Inherit => "inherit",
            Self::Connect => "connect to",
            Self::Send => "send to",
            Self::Receive => "receive from",
            Self::Start => "start a worker for",
        })
    }
}

impl Error {
    /// The failure of a call on the socket of `endpoint`; what the path reports is [`Error::Path`].
    pub fn socket(operation: Operation, endpoint: &Endpoint, source: io::Error) -> Self {
        let endpoint = endpoint.clone();
        match path_error(operation, &endpoint, &source) {
            Some(error) => Self::Path { endpoint, error },
            None => Self::Socket {
                operation,
                endpoint,
                source,
            },
        }
    }

    /// From a thread's panic payload, as one line.
    pub fn panicked(panic: &(dyn Any + Send)) -> Self {
        let message = panic.downcast_ref::<&str>().copied();
        let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let lines = message.unwrap_or("no message").lines().map(str::trim);
        Self::Panicked(lines.collect::<Vec<_>>().join(" "))
    }

    /// A text that was not read beyond `limit` bytes.
    pub fn too_long(endpoint: &Endpoint, limit: usize) -> Self {
        Self::TooLong {
            endpoint: endpoint.clone(),
            length: None,
            limit,
        }
    }

    /// Settings that cannot be used as given, by the names of their fields.
    pub fn invalid_settings(settings: &'static [&'static str], problem: impl Into<String>) -> Self {
        Self::InvalidSettings {
            settings,
            problem: problem.into(),
        }
    }

    /// Whether the connection was lost, rather than that this machine has a problem.
    pub fn is_connection_lost(&self) -> bool {
        let Self::Socket { source, .. } = self else {
            return false;
        };
        source.kind() == io::ErrorKind::TimedOut || is_disconnect(source)
    }
}

/// Whether the peer, or a firewall in its name, ended the connection. A reset that was reported
/// elsewhere first (SO_ERROR, the error queue) leaves ENOTCONN.
pub fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// Binding has no path, and to a Unix socket there is none: a file mode may forbid that.
fn path_error(operation: Operation, endpoint: &Endpoint, source: &io::Error) -> Option<PathError> {
    let has_path = matches!(
        operation,
        Operation::Connect | Operation::Send | Operation::Receive
    );
    let is_unix = endpoint.family() == Some(Family::Unix);
    PathError::of(source)
        .filter(|error| has_path && (!is_unix || error.outcome() == PathOutcome::Refused))
}

fn explain_path(endpoint: &Endpoint, error: &PathError) -> String {
    match error.outcome() {
        PathOutcome::TooBig | PathOutcome::Unsent => format!("cannot send to {endpoint}: {error}"),
        _ => format!("{endpoint} {error}"),
    }
}

fn explain_family(endpoint: &Endpoint, filter: FamilyFilter) -> String {
    let (is, wanted) = match filter {
        FamilyFilter::Inet => ("IPv6", "IPv4"),
        _ => ("IPv4", "IPv6"),
    };
    format!("{endpoint} is an {is} address, and only {wanted} may be used")
}

fn explain_source(error: &io::Error) -> String {
    let explanation = match error.raw_os_error().unwrap_or(0) {
        libc::EADDRNOTAVAIL => "it is not an address of this machine; `ip address` lists those",
        libc::EADDRINUSE => "the port is in use; choose another, or none for any free one",
        libc::EACCES => "ports below 1024 are reserved; choose a port from 1024 up, or none",
        libc::EPERM => {
            "binding to an interface needs CAP_NET_RAW before Linux 5.7; use its address"
        }
        libc::ENODEV => "there is no network interface with that name; `ip link` lists them",
        libc::EINVAL => "a link-local address needs its zone, as in [fe80::1%2]:0",
        _ => return plain(error),
    };
    explanation.to_owned()
}

fn explain_too_long(endpoint: &Endpoint, length: Option<usize>, limit: usize) -> String {
    let text = match length {
        Some(length) => format!("the text has {length} bytes, more"),
        None => "the text is longer".to_owned(),
    };
    match endpoint.socket_type() {
        Some(SocketType::Stream) => format!("{text} than the {limit} bytes that a line can hold"),
        Some(SocketType::SeqPacket) => format!(
            "{text} than the {limit} bytes that a message to {endpoint} can hold; use a stream \
             (unix:) for longer texts"
        ),
        _ => format!(
            "{text} than the {limit} bytes that a datagram to {endpoint} can hold; use a stream \
             (tcp:// or unix:) for longer texts"
        ),
    }
}

/// The cause in plain words and, where there is one, the remedy.
fn explain(operation: Operation, endpoint: &Endpoint, error: &io::Error) -> String {
    let number = error.raw_os_error().unwrap_or(0);
    match (operation, number) {
        (Operation::Bind | Operation::Listen, libc::EADDRINUSE) => explain_in_use(endpoint),
        (Operation::Bind, libc::EADDRNOTAVAIL) => {
            let every_address = match endpoint.socket_type() {
                Some(SocketType::Stream) => "tcp://:3000",
                _ => "udp://:3000",
            };
            format!(
                "the address is not one of this machine's; `{LIST_ADDRESSES}` lists those, and an \
                 empty host ({every_address}) is all of them"
            )
        }
        (Operation::Bind, libc::EACCES | libc::EPERM) => explain_forbidden_bind(endpoint).into(),
        _ => match hint(operation, endpoint, number) {
            Some(hint) => hint.into(),
            None => plain(error),
        },
    }
}

fn explain_in_use(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Internet { socket_type, .. } => {
            let list = match socket_type {
                SocketType::Datagram => LIST_DATAGRAM_SOCKETS,
                SocketType::Stream | SocketType::SeqPacket => LIST_LISTENERS,
            };
            format!(
                "the address is in use by another program, perhaps another bullhorn; stop it \
                 (`{list}` shows it), or choose another port, or 0 for any free one"
            )
        }
        Endpoint::Unix { .. } => {
            "the name is in use by a running program; stop it, or choose another name".into()
        }
        Endpoint::Descriptor(_) => {
            "its address is in use by another program, which must be stopped first".into()
        }
    }
}

fn explain_forbidden_bind(endpoint: &Endpoint) -> &'static str {
    match endpoint.port().unwrap_or(0) {
        0 => "permission denied; choose a directory that you may write to",
        1..1024 => RESERVED_PORT,
        1024.. => FORBIDDEN_PORT,
    }
}

/// What the error `number` means where the endpoint's kind makes no difference.
fn hint(operation: Operation, endpoint: &Endpoint, number: i32) -> Option<&'static str> {
    Some(match (operation, number) {
        (Operation::Bind, libc::ENOENT) => "the directory does not exist; create it first",
        (Operation::Connect, libc::ENOENT) => {
            "there is no such socket file; is the server running?"
        }
        (Operation::Connect, libc::EPROTOTYPE) => {
            "the socket there has another type; unix: is for streams, unixpacket: for sequenced \
             packets, unixgram: for datagrams"
        }
        (_, libc::EACCES | libc::EPERM) => {
            "permission denied; the socket's file mode, its directory or a firewall forbids it"
        }
        (Operation::Create, libc::EPROTONOSUPPORT)
            if endpoint.socket_type() == Some(SocketType::SeqPacket) =>
        {
            "this system has no Unix sockets of type SOCK_SEQPACKET; use unix: or unixgram:"
        }
        (Operation::Create, libc::EPROTONOSUPPORT | libc::ENOPROTOOPT | libc::EINVAL)
            if endpoint.protocol() == Protocol::Mptcp =>
        {
            "this kernel has no MPTCP, or it is off (sysctl net.mptcp.enabled=1 enables it); use \
             tcp://"
        }
        (_, libc::EAFNOSUPPORT) => "this machine does not support its address family",
        (Operation::Bind | Operation::Connect | Operation::Send, libc::EINVAL)
            if has_no_zone(endpoint) =>
        {
            "a link-local address needs its zone, as in udp://[fe80::1%eth0]:3000"
        }
        (Operation::Bind, libc::EINVAL) if is_ipv4_mapped(endpoint) => {
            "an IPv4-mapped address is served as IPv4; write it as in udp://127.0.0.1:3000"
        }
        (_, libc::ENODEV | libc::ENXIO) => NO_INTERFACE,
        (_, libc::EMFILE | libc::ENFILE) => NO_DESCRIPTORS,
        (_, libc::EMSGSIZE) => "the text is longer than a datagram can be",
        _ => return None,
    })
}

const NO_DESCRIPTORS: &str = "no descriptors are left; raise the limit with `ulimit -n`";

/// Why a connection cannot be accepted.
pub fn explain_accept(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => NO_DESCRIPTORS.to_owned(),
        _ => plain(error),
    }
}

fn is_ipv4_mapped(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Internet { host: Host::V6(address, _), .. }
        if address.to_ipv4_mapped().is_some())
}

fn has_no_zone(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Internet { host: Host::V6(address, None), .. }
        if address.is_unicast_link_local())
}

/// The error's own words without "(os error N)", in lower case as they follow a colon.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
