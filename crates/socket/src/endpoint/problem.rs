//! Why a text is not an endpoint: one line with what is wrong and a correct example.

use std::convert::Infallible;

/// A text that is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid endpoint {text:?}: {}", self.explain())]
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

    /// A correct endpoint of the kind that was probably meant.
    pub fn example(&self) -> &'static str {
        self.example
    }

    fn explain(&self) -> String {
        match self.as_port() {
            Some(endpoint) => format!("did you mean {endpoint:?}?"),
            None => format!("{}; write it like {}", self.problem, self.example),
        }
    }

    /// The text with a colon before its number, where that is all it lacks.
    fn as_port(&self) -> Option<String> {
        let Problem::NumberAlone(port) = &self.problem else {
            return None;
        };
        let scheme = self.text.strip_suffix(port.as_str())?;
        port.parse::<u16>().ok().map(|_| format!("{scheme}:{port}"))
    }
}

/// What is wrong with a text that is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each message says what the variant means")]
pub enum Problem {
    #[error("it is empty")]
    Empty,
    #[error("unknown scheme {0:?} (known: udp, tcp, mptcp, unix, unixpacket, unixgram, fd)")]
    UnknownScheme(String),
    #[error("// is missing after {0}:")]
    MissingSlashes(&'static str),
    #[error("{0}: is not followed by //")]
    NeedlessSlashes(&'static str),
    #[error("host and port are missing after the scheme")]
    MissingAddress,
    #[error("the port is missing after the last colon")]
    MissingPort,
    #[error("port {0:?} is not a number")]
    PortNotANumber(String),
    #[error("port {0} is greater than 65535")]
    PortTooLarge(String),
    #[error("an IPv6 address must be in brackets")]
    BareIpv6,
    #[error("the closing ] is missing")]
    UnclosedBracket,
    #[error("{0:?} in the brackets is not an IPv6 address")]
    NotIpv6(String),
    #[error("the zone after % is not an interface name or index")]
    BadZone,
    #[error("unexpected {0:?} after the ]")]
    TextAfterBracket(String),
    #[error("{0:?} is not an IPv4 address of four numbers from 0 to 255")]
    NotIpv4(String),
    #[error("{0:?} is a number, not a host")]
    NumberAlone(String),
    #[error("{0:?} is not a host name")]
    BadName(String),
    #[error("unexpected {0:?} after host and port")]
    TextAfterPort(String),
    #[error("the path is empty")]
    EmptyPath,
    #[error("the name after @ is empty")]
    EmptyAbstractName,
    #[error("the path has {0} bytes; at most 107 are possible")]
    PathTooLong(usize),
    #[error("the name after @ has {0} bytes; at most 107 are possible")]
    AbstractNameTooLong(usize),
    #[error("it contains a control character")]
    ControlCharacter,
    #[error("{0:?} is not a descriptor number")]
    BadDescriptor(String),
}
