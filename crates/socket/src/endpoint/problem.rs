//! Why a text is no endpoint: one line with what is wrong and a right example.

use std::convert::Infallible;

/// A text that names no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no endpoint: {problem}; write it like {example}")]
pub struct ParseEndpointError {
    pub(super) text: String,
    pub(super) problem: Problem,
    pub(super) example: &'static str,
}

impl From<Infallible> for ParseEndpointError {
    /// For functions that take `impl TryInto<Endpoint>`: an [`Endpoint`](super::Endpoint) is one already.
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl ParseEndpointError {
    /// What is wrong with the text.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// A right endpoint of the kind that was probably meant.
    pub fn example(&self) -> &'static str {
        self.example
    }
}

/// What is wrong with a text that names no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each message says what the variant means")]
pub enum Problem {
    #[error("it is empty")]
    Empty,
    #[error("the scheme {0:?} is unknown (known are udp, tcp, unix, unixgram and fd)")]
    UnknownScheme(String),
    #[error("the // after {0}: is missing")]
    MissingSlashes(&'static str),
    #[error("a {0}: endpoint has no //")]
    NeedlessSlashes(&'static str),
    #[error("the host and the port are missing after the scheme")]
    MissingAddress,
    #[error("the port is missing after the last colon")]
    MissingPort,
    #[error("the port {0:?} is not a number")]
    PortNotANumber(String),
    #[error("the port {0} is over 65535")]
    PortTooLarge(String),
    #[error("an IPv6 address needs brackets around it")]
    BareIpv6,
    #[error("the ] that closes the IPv6 address is missing")]
    UnclosedBracket,
    #[error("{0:?} in the brackets is not an IPv6 address")]
    NotIpv6(String),
    #[error("the zone after % is empty or has characters that no interface name has")]
    BadZone,
    #[error("after the ] comes {0:?} where a colon and the port belong")]
    TextAfterBracket(String),
    #[error("{0:?} is not an IPv4 address of four numbers from 0 to 255")]
    NotIpv4(String),
    #[error("{0:?} is a number alone; a port needs a colon before it")]
    NumberAlone(String),
    #[error("{0:?} is not a host name")]
    BadName(String),
    #[error("nothing may follow the host and the port, but {0:?} does")]
    TextAfterPort(String),
    #[error("the path is empty")]
    EmptyPath,
    #[error("the name after @ is empty")]
    EmptyAbstractName,
    #[error("the path has {0} bytes, and the kernel takes at most 107")]
    PathTooLong(usize),
    #[error("the name after @ has {0} bytes, and the kernel takes at most 107")]
    AbstractNameTooLong(usize),
    #[error("it has a control character")]
    ControlCharacter,
    #[error("{0:?} is not a descriptor number")]
    BadDescriptor(String),
}
