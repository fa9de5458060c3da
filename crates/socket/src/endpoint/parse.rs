//! Reading an endpoint from text: each malformed form gets one line that says what is wrong, with
//! a correct example.
//!
//! Pure: no resolver, no sockets, no files. The grammar is the table in the README.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{
    DEFAULT_PORT, Endpoint, Host, MAX_UNIX_NAME, ParseEndpointError, Problem, Protocol, SocketType,
    UnixName, Zone,
};

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

/// What was read, or what is wrong and a correct example.
type Parsed<T> = Result<T, (Problem, &'static str)>;

const UDP_EXAMPLE: &str = "udp://127.0.0.1:3000";
const TCP_EXAMPLE: &str = "tcp://127.0.0.1:3000";
const MPTCP_EXAMPLE: &str = "mptcp://127.0.0.1:3000";
const IPV6_UDP_EXAMPLE: &str = "udp://[::1]:3000";
const IPV6_TCP_EXAMPLE: &str = "tcp://[::1]:3000";
const ZONE_UDP_EXAMPLE: &str = "udp://[fe80::1%eth0]:3000";
const ZONE_TCP_EXAMPLE: &str = "tcp://[fe80::1%eth0]:3000";
const UNIX_EXAMPLE: &str = "unix:/run/bullhorn.sock";
const UNIXPACKET_EXAMPLE: &str = "unixpacket:/run/bullhorn.sock";
const UNIXGRAM_EXAMPLE: &str = "unixgram:/run/bullhorn.sock";
const ABSTRACT_UNIX_EXAMPLE: &str = "unix:@bullhorn";
const ABSTRACT_UNIXPACKET_EXAMPLE: &str = "unixpacket:@bullhorn";
const ABSTRACT_UNIXGRAM_EXAMPLE: &str = "unixgram:@bullhorn";
const DESCRIPTOR_EXAMPLE: &str = "fd:3";

fn parse(text: &str) -> Parsed<Endpoint> {
    if text.is_empty() {
        return Err((Problem::Empty, UDP_EXAMPLE));
    }
    if text.chars().any(char::is_control) {
        return Err((Problem::ControlCharacter, UDP_EXAMPLE));
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return internet(SocketType::Datagram, text);
    };
    let lower_case = scheme.to_ascii_lowercase();
    match (lower_case.as_str(), rest.strip_prefix("//")) {
        ("udp", Some(rest)) => internet(SocketType::Datagram, rest),
        ("tcp", Some(rest)) => internet(SocketType::Stream, rest),
        ("mptcp", Some(rest)) => {
            internet(SocketType::Stream, rest).map(|it| it.with_protocol(Protocol::Mptcp))
        }
        // `udp:3000` could be a host named udp, but hardly ever is.
        ("udp", None) => Err((Problem::MissingSlashes("udp"), UDP_EXAMPLE)),
        ("tcp", None) => Err((Problem::MissingSlashes("tcp"), TCP_EXAMPLE)),
        ("mptcp", None) => Err((Problem::MissingSlashes("mptcp"), MPTCP_EXAMPLE)),
        // A third slash is the path's own, so `unix:///run/x` is plain as well.
        ("unix", Some(path)) if path.starts_with('/') => unix(SocketType::Stream, path),
        ("unixpacket", Some(path)) if path.starts_with('/') => unix(SocketType::SeqPacket, path),
        ("unixgram", Some(path)) if path.starts_with('/') => unix(SocketType::Datagram, path),
        ("unix", Some(_)) => Err((Problem::NeedlessSlashes("unix"), UNIX_EXAMPLE)),
        ("unixpacket", Some(_)) => {
            Err((Problem::NeedlessSlashes("unixpacket"), UNIXPACKET_EXAMPLE))
        }
        ("unixgram", Some(_)) => Err((Problem::NeedlessSlashes("unixgram"), UNIXGRAM_EXAMPLE)),
        ("fd", Some(_)) => Err((Problem::NeedlessSlashes("fd"), DESCRIPTOR_EXAMPLE)),
        ("unix", None) => unix(SocketType::Stream, rest),
        ("unixpacket", None) => unix(SocketType::SeqPacket, rest),
        ("unixgram", None) => unix(SocketType::Datagram, rest),
        ("fd", None) => descriptor(rest),
        _ if rest.starts_with("//") || rest.starts_with(['/', '@']) && !scheme.contains('[') => {
            Err((Problem::UnknownScheme(scheme.to_owned()), UDP_EXAMPLE))
        }
        _ => internet(SocketType::Datagram, text),
    }
}

/// `HOST[:PORT]`, where HOST is empty, an IPv4 address, an IPv6 address in brackets, or a name.
fn internet(socket_type: SocketType, text: &str) -> Parsed<Endpoint> {
    let (example, ipv6_example) = match socket_type {
        SocketType::Datagram => (UDP_EXAMPLE, IPV6_UDP_EXAMPLE),
        SocketType::Stream | SocketType::SeqPacket => (TCP_EXAMPLE, IPV6_TCP_EXAMPLE),
    };
    if text.is_empty() {
        return Err((Problem::MissingAddress, example));
    }
    let (host, port) = if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside
            .split_once(']')
            .ok_or((Problem::UnclosedBracket, ipv6_example))?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err((Problem::TextAfterBracket(rest.to_owned()), ipv6_example)),
        };
        (bracketed(address, socket_type)?, port)
    } else if is_bare_ipv6(text) {
        return Err((Problem::BareIpv6, ipv6_example));
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host_name(host, example)?, Some(port)),
            None => (host_name(text, example)?, None),
        }
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port_number(port, example))?;
    Ok(Endpoint::Internet {
        socket_type,
        protocol: Protocol::Default,
        host,
        port,
    })
}

/// Whether this is an IPv6 address without its brackets, with or without a port: it has two colons
/// or more, and what is before the first could be the first group of one.
fn is_bare_ipv6(text: &str) -> bool {
    match text.split_once(':') {
        Some(("", rest)) => rest.starts_with(':'),
        Some((group, rest)) => {
            rest.contains(':')
                && group.len() <= 4
                && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        None => false,
    }
}

fn bracketed(text: &str, socket_type: SocketType) -> Parsed<Host> {
    let (example, ipv6_example, zone_example) = match socket_type {
        SocketType::Datagram => (UDP_EXAMPLE, IPV6_UDP_EXAMPLE, ZONE_UDP_EXAMPLE),
        SocketType::Stream | SocketType::SeqPacket => {
            (TCP_EXAMPLE, IPV6_TCP_EXAMPLE, ZONE_TCP_EXAMPLE)
        }
    };
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    if address.parse::<Ipv4Addr>().is_ok() {
        return Err((Problem::NotIpv6(address.to_owned()), example));
    }
    let address: Ipv6Addr = address
        .parse()
        .map_err(|_| (Problem::NotIpv6(address.to_owned()), ipv6_example))?;
    let zone = zone
        .map(|zone| zone_of(zone).ok_or((Problem::BadZone, zone_example)))
        .transpose()?;
    Ok(Host::V6(address, zone))
}

/// An interface name as the kernel takes it: 1 to 15 bytes, no slash, colon or white space
/// (`dev_valid_name` in net/core/dev.c). A number is the interface's index.
fn zone_of(text: &str) -> Option<Zone> {
    if text.is_empty() || !text.is_ascii() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let index = text.parse().ok()?;
        return (index != 0).then_some(Zone::Index(index));
    }
    let bad_byte =
        |byte: u8| matches!(byte, b'/' | b':' | b'%' | b'[') || byte.is_ascii_whitespace();
    if text.len() > 15 || text == "." || text == ".." || text.bytes().any(bad_byte) {
        return None;
    }
    Some(Zone::Name(text.to_owned()))
}

fn host_name(text: &str, example: &'static str) -> Parsed<Host> {
    if text.is_empty() {
        return Ok(Host::Any);
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::V4(address));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((Problem::NumberAlone(text.to_owned()), example));
    }
    if let Some(slash) = text.find('/') {
        return Err((Problem::TextAfterPort(text[slash..].to_owned()), example));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let letters_are_right = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let mut labels = name.split('.');
    let label_is_right = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-');
    if name.len() > 253 || !letters_are_right || !labels.clone().all(label_is_right) {
        return Err((Problem::BadName(text.to_owned()), example));
    }
    // The resolver would take 127.1 or 0x7f000001 as an address in an ancient notation and connect
    // elsewhere than its reader expects. A name never ends in a number (RFC 3696, section 2).
    if labels.next_back().is_some_and(is_number) {
        return Err((Problem::NotIpv4(text.to_owned()), example));
    }
    Ok(Host::Name(text.to_owned()))
}

/// Whether inet_aton(3) takes it as a number: decimal, octal, or hexadecimal after 0x.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
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
    let (example, abstract_example) = match socket_type {
        SocketType::Stream => (UNIX_EXAMPLE, ABSTRACT_UNIX_EXAMPLE),
        SocketType::SeqPacket => (UNIXPACKET_EXAMPLE, ABSTRACT_UNIXPACKET_EXAMPLE),
        SocketType::Datagram => (UNIXGRAM_EXAMPLE, ABSTRACT_UNIXGRAM_EXAMPLE),
    };
    let name = if let Some(name) = text.strip_prefix('@') {
        match name.len() {
            0 => return Err((Problem::EmptyAbstractName, abstract_example)),
            1..=MAX_UNIX_NAME => UnixName::Abstract(name.to_owned()),
            length => return Err((Problem::AbstractNameTooLong(length), abstract_example)),
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
