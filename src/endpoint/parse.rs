//! Reading an endpoint from text: each malformed form gets one line that says what is wrong, with
//! a right example.
//!
//! Pure: no resolver, no sockets, no files. The grammar is the table in the README.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{DEFAULT_PORT, Endpoint, Host, MAX_UNIX_NAME, SocketType, UnixName, Zone};

/// A text that names no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no endpoint: {problem}; write it like {example}")]
pub struct ParseEndpointError {
    text: String,
    problem: Problem,
    example: &'static str,
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
    #[error("nothing may follow the port, but {0:?} does")]
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

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        parse(text).map_err(|(problem, example)| ParseEndpointError {
            text: text.to_owned(),
            problem,
            example,
        })
    }
}

type Parsed<T> = Result<T, (Problem, &'static str)>;

const UDP_EXAMPLE: &str = "udp://127.0.0.1:3000";
const TCP_EXAMPLE: &str = "tcp://127.0.0.1:3000";
const IPV6_UDP_EXAMPLE: &str = "udp://[::1]:3000";
const IPV6_TCP_EXAMPLE: &str = "tcp://[::1]:3000";
const ZONE_EXAMPLE: &str = "udp://[fe80::1%eth0]:3000";
const UNIX_EXAMPLE: &str = "unix:/run/bullhorn.sock";
const UNIXGRAM_EXAMPLE: &str = "unixgram:/run/bullhorn.sock";
const ABSTRACT_EXAMPLE: &str = "unix:@bullhorn";
const DESCRIPTOR_EXAMPLE: &str = "fd:3";

fn parse(text: &str) -> Parsed<Endpoint> {
    if text.is_empty() {
        return Err((Problem::Empty, UDP_EXAMPLE));
    }
    if text.chars().any(char::is_control) {
        return Err((Problem::ControlCharacter, UDP_EXAMPLE));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "udp" => internet(SocketType::Datagram, rest),
            "tcp" => internet(SocketType::Stream, rest),
            // A third slash is the path's own, so `unix:///run/x` is plain as well.
            "unix" if rest.starts_with('/') => unix(SocketType::Stream, rest),
            "unixgram" if rest.starts_with('/') => unix(SocketType::Datagram, rest),
            "unix" => Err((Problem::NeedlessSlashes("unix"), UNIX_EXAMPLE)),
            "unixgram" => Err((Problem::NeedlessSlashes("unixgram"), UNIXGRAM_EXAMPLE)),
            "fd" => Err((Problem::NeedlessSlashes("fd"), DESCRIPTOR_EXAMPLE)),
            _ => Err((Problem::UnknownScheme(scheme.to_owned()), UDP_EXAMPLE)),
        };
    }
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    match scheme.to_ascii_lowercase().as_str() {
        "unix" => unix(SocketType::Stream, rest),
        "unixgram" => unix(SocketType::Datagram, rest),
        "fd" => descriptor(rest),
        // `udp:3000` could be a host named udp, but hardly ever is.
        "udp" => Err((Problem::MissingSlashes("udp"), UDP_EXAMPLE)),
        "tcp" => Err((Problem::MissingSlashes("tcp"), TCP_EXAMPLE)),
        _ => internet(SocketType::Datagram, text),
    }
}

/// `HOST[:PORT]`, where HOST is empty, an IPv4 address, an IPv6 address in brackets, or a name.
fn internet(socket_type: SocketType, text: &str) -> Parsed<Endpoint> {
    let (example, ipv6_example) = match socket_type {
        SocketType::Datagram => (UDP_EXAMPLE, IPV6_UDP_EXAMPLE),
        SocketType::Stream => (TCP_EXAMPLE, IPV6_TCP_EXAMPLE),
    };
    let (host, port) = if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside
            .split_once(']')
            .ok_or((Problem::UnclosedBracket, ipv6_example))?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err((Problem::TextAfterBracket(rest.to_owned()), ipv6_example)),
        };
        (bracketed(address, ipv6_example)?, port)
    } else {
        if text.parse::<Ipv6Addr>().is_ok() || text.matches(':').count() > 1 {
            return Err((Problem::BareIpv6, ipv6_example));
        }
        match text.split_once(':') {
            Some((host, port)) => (host_name(host, example)?, Some(port)),
            None if text.is_empty() => return Err((Problem::Empty, example)),
            None => (host_name(text, example)?, None),
        }
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port_number(port, example))?;
    Ok(Endpoint::Internet {
        socket_type,
        host,
        port,
    })
}

fn bracketed(text: &str, example: &'static str) -> Parsed<Host> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: Ipv6Addr = address
        .parse()
        .map_err(|_| (Problem::NotIpv6(address.to_owned()), example))?;
    Ok(Host::V6(address, zone.map(zone_of).transpose()?))
}

/// An interface name as the kernel takes it: 1 to 15 bytes, no slash, colon or white space
/// (`dev_valid_name` in net/core/dev.c). A number alone is the interface's number.
fn zone_of(text: &str) -> Parsed<Zone> {
    let bad = (Problem::BadZone, ZONE_EXAMPLE);
    if text.is_empty() || !text.is_ascii() {
        return Err(bad);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(0) | Err(_) => Err(bad),
            Ok(index) => Ok(Zone::Index(index)),
        };
    }
    let bad_byte =
        |byte: u8| matches!(byte, b'/' | b':' | b'%' | b'[') || byte.is_ascii_whitespace();
    if text.len() > 15 || text == "." || text == ".." || text.bytes().any(bad_byte) {
        return Err(bad);
    }
    Ok(Zone::Name(text.to_owned()))
}

fn host_name(text: &str, example: &'static str) -> Parsed<Host> {
    if text.is_empty() {
        return Ok(Host::Any);
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::V4(address));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((Problem::NumberAlone(text.to_owned()), ":3000"));
    }
    if let Some((_, after)) = text.split_once('/') {
        return Err((Problem::TextAfterPort(format!("/{after}")), example));
    }
    // The resolver would take 127.1 or 1234 as an address in an ancient notation and go elsewhere
    // than its reader thinks. A name never ends in a number (RFC 3696, section 2).
    let last_label = text.trim_end_matches('.').rsplit('.').next().unwrap_or("");
    if !last_label.is_empty() && last_label.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((Problem::NotIpv4(text.to_owned()), example));
    }
    let label_is_right = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-');
    let letters_are_right = text
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let labels_are_right = text
        .strip_suffix('.')
        .unwrap_or(text)
        .split('.')
        .all(label_is_right);
    if text.len() > 253 || !letters_are_right || !labels_are_right {
        return Err((Problem::BadName(text.to_owned()), example));
    }
    Ok(Host::Name(text.to_owned()))
}

fn port_number(text: &str, example: &'static str) -> Parsed<u16> {
    if text.is_empty() {
        return Err((Problem::MissingPort, example));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err((Problem::PortNotANumber(text.to_owned()), example));
    }
    if digits < text.len() {
        return Err((Problem::TextAfterPort(text[digits..].to_owned()), example));
    }
    text.parse()
        .map_err(|_| (Problem::PortTooLarge(text.to_owned()), example))
}

fn unix(socket_type: SocketType, text: &str) -> Parsed<Endpoint> {
    let example = match socket_type {
        SocketType::Stream => UNIX_EXAMPLE,
        SocketType::Datagram => UNIXGRAM_EXAMPLE,
    };
    let name = if let Some(name) = text.strip_prefix('@') {
        match name.len() {
            0 => return Err((Problem::EmptyAbstractName, ABSTRACT_EXAMPLE)),
            1..=MAX_UNIX_NAME => UnixName::Abstract(name.to_owned()),
            length => return Err((Problem::AbstractNameTooLong(length), ABSTRACT_EXAMPLE)),
        }
    } else {
        match text.len() {
            0 => return Err((Problem::EmptyPath, example)),
            1..=MAX_UNIX_NAME => UnixName::Path(text.to_owned()),
            length => return Err((Problem::PathTooLong(length), example)),
        }
    };
    Ok(Endpoint::Unix { socket_type, name })
}

fn descriptor(text: &str) -> Parsed<Endpoint> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits_only => Ok(Endpoint::Descriptor(number)),
        _ => Err((Problem::BadDescriptor(text.to_owned()), DESCRIPTOR_EXAMPLE)),
    }
}
