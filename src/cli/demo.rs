//! `bullhorn demo`: the service and its client in one process, over every address family and socket
//! type.

use std::io;

use super::arguments::Demo;
use super::demo_name::free_name;
use super::exit_code::ExitCode;
use super::failure::Outcome;
use super::output::Output;
use super::{log, signals};
use crate::report::demo::{self as report, Row};
use bullhorn_client::request::{Client, Settings};
use bullhorn_server::Server;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, Family, Host, Protocol, SocketType};
use bullhorn_socket::error::{Error, Result};

pub(super) fn run(arguments: &Demo, output: &mut Output) -> Outcome {
    log::start(&arguments.output);
    let stop = signals::stop(output)?;
    let (mut rows, mut has_failed) = (Vec::new(), false);
    for family in [Family::Inet, Family::Inet6, Family::Unix] {
        for &(socket_type, protocol) in kinds(family) {
            let mut endpoint = free_endpoint(family, socket_type).with_protocol(protocol);
            let result = serve_and_ask(&mut endpoint, &arguments.text, &stop);
            rows.push(Row {
                endpoint,
                family,
                socket_type,
                result: result.map_err(|error| {
                    if is_without_ipv6(family, &error) {
                        return "this machine has no IPv6".to_owned();
                    }
                    if is_without_mptcp(protocol, &error) {
                        return "this machine has no MPTCP".to_owned();
                    }
                    has_failed = true;
                    error.to_string()
                }),
            });
        }
    }
    output.write(|to| match arguments.output.json {
        true => report::json_lines(to, &rows),
        false => report::table(to, &rows),
    });
    Ok(match has_failed {
        true => ExitCode::Partial,
        false => ExitCode::Success,
    })
}

/// Every type and protocol that the family has.
fn kinds(family: Family) -> &'static [(SocketType, Protocol)] {
    use Protocol::{Default, Mptcp};
    use SocketType::{Datagram, SeqPacket, Stream};
    match family {
        Family::Inet | Family::Inet6 => &[(Datagram, Default), (Stream, Default), (Stream, Mptcp)],
        Family::Unix => &[(Datagram, Default), (Stream, Default), (SeqPacket, Default)],
    }
}

fn serve_and_ask(
    endpoint: &mut Endpoint,
    text: &str,
    stop: &Stop,
) -> Result<(Vec<u8>, std::time::Duration)> {
    let server = Server::builder().endpoint(endpoint.clone()).start()?;
    if let [bound] = server.sockets() {
        *endpoint = bound.endpoint.clone();
    }
    let mut client = Client::with_stop(&*endpoint, Settings::default(), stop.clone())?;
    // The first request waits for threads that start and pages that are loaded.
    client.request(text)?;
    let answer = client.request(text)?;
    let round_trip = answer.round_trip();
    Ok((answer.into_bytes(), round_trip))
}

/// Many machines and containers have no IPv6, which is not a failure.
fn is_without_ipv6(family: Family, error: &Error) -> bool {
    family == Family::Inet6
        && matches!(error, Error::Socket { source, .. } if matches!(
            source.raw_os_error(),
            Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
        ))
}

/// Nor is a kernel without MPTCP, or one in which it is off.
fn is_without_mptcp(protocol: Protocol, error: &Error) -> bool {
    let Error::Socket { source, .. } = error else {
        return false;
    };
    let number = source.raw_os_error();
    protocol == Protocol::Mptcp
        && (source.kind() == io::ErrorKind::Unsupported
            || matches!(
                number,
                Some(libc::EPROTONOSUPPORT | libc::ENOPROTOOPT | libc::EINVAL)
            ))
}

/// On loopback with a port that the kernel chooses; a Unix name of this process.
fn free_endpoint(family: Family, socket_type: SocketType) -> Endpoint {
    let host = match family {
        Family::Inet => Host::V4([127, 0, 0, 1].into()),
        Family::Inet6 => Host::V6(std::net::Ipv6Addr::LOCALHOST, None),
        Family::Unix => {
            let name = free_name();
            return Endpoint::Unix { socket_type, name };
        }
    };
    Endpoint::Internet {
        socket_type,
        protocol: Protocol::Default,
        host,
        port: 0,
    }
}
