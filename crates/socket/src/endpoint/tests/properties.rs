//! What is displayed parses back to the same, and no text at all makes the parser panic.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::parse;
use crate::endpoint::{Endpoint, Host, MAX_UNIX_NAME, Protocol, SocketType, UnixName, Zone};

fn socket_type() -> impl Strategy<Value = SocketType> {
    prop_oneof![Just(SocketType::Datagram), Just(SocketType::Stream)]
}

fn transport() -> impl Strategy<Value = (SocketType, Protocol)> {
    prop_oneof![
        (socket_type(), Just(Protocol::Default)),
        Just((SocketType::Stream, Protocol::Mptcp)),
    ]
}

fn unix_socket_type() -> impl Strategy<Value = SocketType> {
    prop_oneof![socket_type(), Just(SocketType::SeqPacket)]
}

fn zone() -> impl Strategy<Value = Zone> {
    prop_oneof![
        (1..=u32::MAX).prop_map(Zone::Index),
        "[a-z][a-z0-9.@_-]{0,14}".prop_map(Zone::Name),
    ]
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        Just(Host::Any),
        any::<Ipv4Addr>().prop_map(Host::V4),
        (any::<Ipv6Addr>(), proptest::option::of(zone()))
            .prop_map(|(address, zone)| Host::V6(address, zone)),
        "([a-z0-9_ßж][a-z0-9_ßж-]{0,9}\\.){0,4}[a-z][a-z0-9ßж-]{0,9}\\.?".prop_map(Host::Name),
    ]
}

/// 1 to 107 bytes of text without control characters.
fn unix_text() -> impl Strategy<Value = String> {
    let short = proptest::string::string_regex("(//|@|)[@/.:a-zßж%\\[\\] ]{1,20}").unwrap();
    prop_oneof![short, "\\PC{1,107}"].prop_map(|mut text| {
        while text.len() > MAX_UNIX_NAME {
            text.pop();
        }
        text
    })
}

/// Every endpoint that can be typed; a path that begins with `@` cannot.
fn endpoint() -> impl Strategy<Value = Endpoint> {
    let path = unix_text().prop_map(|text| match text.strip_prefix('@') {
        Some(rest) => UnixName::Path(format!(".{rest}")),
        None => UnixName::Path(text),
    });
    let name = prop_oneof![path, unix_text().prop_map(UnixName::Abstract)];
    prop_oneof![
        (transport(), host(), any::<u16>()).prop_map(|((socket_type, protocol), host, port)| {
            Endpoint::Internet {
                socket_type,
                protocol,
                host,
                port,
            }
        }),
        (unix_socket_type(), name)
            .prop_map(|(socket_type, name)| Endpoint::Unix { socket_type, name }),
        (0..=i32::MAX).prop_map(Endpoint::Descriptor),
    ]
}

/// Text that is nearly an endpoint: its pieces in any order.
fn nearly() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "udp",
        "tcp",
        "mptcp",
        "unix",
        "unixpacket",
        "unixgram",
        "fd",
        "http",
        "://",
        ":",
        "//",
        "/",
        "@",
        "[",
        "]",
        "%",
        "::1",
        "fe80::",
        "127.0.0.1",
        "256",
        "3000",
        "65536",
        "0",
        "-1",
        "eth0",
        "name",
        ".",
        "ß",
        " ",
        "\n",
        "\u{202e}",
        "0x7f",
    ]);
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_displayed_parses_back_to_the_same(endpoint in endpoint()) {
        prop_assert_eq!(parse(&endpoint.to_string()), Ok(endpoint));
    }

    #[test]
    fn any_text_parses_to_what_it_is_displayed_as_or_gets_one_line(
        text in prop_oneof![any::<String>(), nearly()]
    ) {
        match parse(&text) {
            Ok(endpoint) => prop_assert_eq!(parse(&endpoint.to_string()), Ok(endpoint)),
            Err(error) => {
                let acts = ['\n', '\r', '\u{1b}', '\u{202e}'];
                prop_assert!(!error.to_string().contains(acts), "{}", error);
                prop_assert!(parse(error.example()).is_ok());
            }
        }
    }
}
