//! `mptcp://`: TCP over several paths, and over one with a peer without it.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::bind::assert_local_error;
use crate::inherit::inheriting;
use crate::support::{Running, Served, find_program, run, run_bullhorn, skipped, wait_until};
use crate::support_netns::{HERE, Network, ip_in};

/// Whether this kernel has MPTCP, and it is on; prints why a test is skipped otherwise.
pub fn has_mptcp() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
    if let Err(error) = &socket {
        skipped(&format!("no MPTCP here: {error}"));
    }
    socket.is_ok()
}

/// Of the first endpoint.
fn totals(served: Served) -> Value {
    served.stop().summary["endpoints"][0].clone()
}

#[test]
fn every_verb_is_answered_over_mptcp() {
    if !has_mptcp() {
        return;
    }
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let served = Served::start(&[format!("mptcp://{address}").as_str()]);
        let endpoint = served.endpoint();
        assert!(endpoint.starts_with("mptcp://"), "{endpoint}");
        for arguments in [
            &["send", endpoint, "straße"][..],
            &["ping", endpoint, "-c", "20", "-i", "1ms", "-W", "20s"],
            &[
                "ping",
                "--reconnect",
                endpoint,
                "-c",
                "20",
                "-i",
                "1ms",
                "-W",
                "20s",
            ],
            &["bench", endpoint, "--count", "2003", "--timeout", "20s"],
        ] {
            let ended = run_bullhorn(arguments);
            assert_eq!(
                ended.code,
                0,
                "{arguments:?}: {}{}",
                ended.text(),
                ended.stderr
            );
            assert!(!ended.stderr.contains("TCP:"), "{}", ended.stderr);
            assert!(!ended.stderr.contains("no MPTCP"), "{}", ended.stderr);
        }
        let verbose = run_bullhorn(["send", "-v", endpoint, "a"]);
        assert!(verbose.stderr.contains("uses MPTCP"), "{}", verbose.stderr);
        let totals = totals(served);
        assert_eq!(totals["without_mptcp"], 0, "{totals}");
        assert_eq!(totals["accepted"], 1 + 1 + 20 + 16 + 1, "{totals}");
        assert_eq!(totals["accepted"], totals["finished"], "{totals}");
    }
}

#[test]
fn a_peer_without_mptcp_is_answered_over_tcp_and_reported() {
    if !has_mptcp() {
        return;
    }
    let served = Served::start(&["mptcp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let [mptcp, tcp] = [&served.endpoints[0], &served.endpoints[1]];
    // A client that has only TCP.
    let plain = mptcp.replace("mptcp", "tcp");
    let ended = run_bullhorn(["send", &plain, "straße"]);
    assert_eq!(
        (ended.text().as_str(), ended.stderr.as_str()),
        ("STRASSE\n", "")
    );
    // A server that has.
    let fallen_back = tcp.replace("tcp", "mptcp");
    for arguments in [
        &["send", &fallen_back, "straße"][..],
        &["ping", &fallen_back, "-c", "3", "-i", "1ms"],
        &["ping", "--reconnect", &fallen_back, "-c", "3", "-i", "1ms"],
        &["bench", &fallen_back, "--count", "100"],
    ] {
        let ended = run_bullhorn(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        let warnings = ended.stderr.matches("the connection uses TCP").count();
        assert_eq!(warnings, 1, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(&fallen_back), "{}", ended.stderr);
    }
    let totals = totals(served);
    assert_eq!(totals["without_mptcp"], 1, "{totals}");
    assert_eq!(totals["finished"], 1, "{totals}");
}

#[test]
fn a_ttl_and_a_trace_are_refused_with_one_line() {
    for flag in [&["--ttl", "5"][..], &["--trace"]] {
        let mut arguments = vec!["ping", "mptcp://127.0.0.1:3000"];
        arguments.extend(flag);
        let ended = run_bullhorn(arguments);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stderr.contains("have no TTL option"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn an_inherited_mptcp_listener_is_served_as_one() {
    if !has_mptcp() {
        return;
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(8).unwrap();
    let mut command = inheriting("", OwnedFd::from(socket), &["serve", "--json", "fd:3"]);
    let served = Served::start_command(&mut command, 1);
    assert!(served.endpoint().starts_with("mptcp://127.0.0.1:"));
    let ended = run_bullhorn(["send", served.endpoint(), "a"]);
    assert_eq!((ended.text().as_str(), ended.stderr.as_str()), ("A\n", ""));
    assert_eq!(totals(served)["without_mptcp"], 0);
}

#[test]
fn a_passed_socket_serves_only_the_endpoint_of_its_protocol() {
    if !has_mptcp() {
        return;
    }
    let announced = "export LISTEN_PID=$$ LISTEN_FDS=1;";
    let tcp = TcpListener::bind("127.99.98.92:0").unwrap();
    let endpoint = format!("mptcp://{}", tcp.local_addr().unwrap());
    let mut command = inheriting(announced, tcp, &["serve", "--json", &endpoint]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = Running::start(&mut command).output();
    assert_local_error(&ended, &endpoint, &["in use"]);
}

#[test]
fn where_mptcp_is_off_one_line_says_so() {
    if !has_mptcp() {
        return;
    }
    let Some(network) = Network::new() else {
        return;
    };
    let off = Network::command(&network.here, "sysctl")
        .args(["-q", "-w", "net.mptcp.enabled=0"])
        .status();
    if !off.is_ok_and(|status| status.success()) {
        return skipped("sysctl cannot turn MPTCP off here");
    }
    for verb in [
        &["serve", "--json", "mptcp://127.0.0.1:0"][..],
        &["send", "mptcp://127.0.0.1:1", "a"],
    ] {
        let ended = run(&mut Network::bullhorn(&network.here, verb), b"");
        assert_eq!(ended.code, 7, "{ended:?}");
        assert!(ended.stderr.contains("net.mptcp.enabled"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
    let demo = run(&mut Network::bullhorn(&network.here, &["demo"]), b"");
    assert_eq!(demo.code, 0, "{demo:?}");
    assert_eq!(demo.text().matches("this machine has no MPTCP").count(), 2);
}

/// Two namespaces with two cables, and both ends may use both.
fn two_paths() -> Option<Network> {
    let network = Network::new()?;
    let (here, there) = (network.here.as_str(), network.there.as_str());
    ip_in(
        here,
        &format!("link add second type veth peer name second netns {there}"),
    );
    for (side, address) in [(here, "10.98.0.1/24"), (there, "10.98.0.2/24")] {
        ip_in(side, &format!("address add {address} dev second"));
        ip_in(side, "link set second up");
    }
    let limits = Network::command(here, "ip")
        .args([
            "mptcp",
            "limits",
            "set",
            "subflows",
            "2",
            "add_addr_accepted",
            "2",
        ])
        .status();
    if !limits.is_ok_and(|status| status.success()) {
        skipped("this ip(8) has no mptcp");
        return None;
    }
    ip_in(there, "mptcp limits set subflows 2 add_addr_accepted 2");
    ip_in(here, "mptcp endpoint add 10.98.0.1 dev second signal");
    ip_in(there, "mptcp endpoint add 10.98.0.2 dev second subflow");
    Some(network)
}

/// How many TCP connections to the server's port there are in a namespace.
fn subflows(side: &str, port: u16) -> usize {
    let output = Network::command(side, "ss")
        .args(["-Htn", "state", "established", "sport", &format!(":{port}")])
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.lines().count()
}

#[test]
fn a_connection_survives_the_loss_of_one_of_its_paths() {
    if !has_mptcp() || find_program("ss").is_none() {
        return;
    }
    let Some(network) = two_paths() else {
        return;
    };
    let port = 3000;
    let mut server = Network::bullhorn(
        &network.here,
        &["serve", "--json", &format!("mptcp://{HERE}:{port}")],
    );
    let served = Served::start_command(&mut server, 1);
    let endpoint = format!("mptcp://{HERE}:{port}");
    let arguments = [
        "ping", "--json", &endpoint, "-c", "150", "-i", "50ms", "-W", "60s",
    ];
    let mut ping = Network::bullhorn(&network.there, &arguments);
    let ping = Running::start(ping.stdout(Stdio::piped()).stderr(Stdio::piped()));
    wait_until("both paths are in use", || {
        subflows(&network.here, port) >= 2
    });
    ip_in(&network.there, "link set cable down");
    wait_until("one path is left", || subflows(&network.here, port) < 2);
    let ended = ping.output();
    let summary: Value = serde_json::from_str(ended.text().lines().last().unwrap()).unwrap();
    assert_eq!(ended.code, 0, "{summary}{}", ended.stderr);
    assert_eq!(summary["ok"], 150, "{summary}");
    let totals = totals(served);
    assert_eq!(totals["accepted"], 1, "{totals}");
    assert_eq!(totals["without_mptcp"], 0, "{totals}");
}
