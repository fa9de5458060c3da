//! `demo`: the first thing a newcomer runs.

use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use serde_json::Value;

use crate::ipv6::{NO_IPV6, in_a_network_of_its_own};
use crate::mptcp::has_mptcp;
use crate::support::{Ended, bullhorn, run, run_bullhorn};
use crate::support_refusal::refusing_where;
use crate::support_strace::tampered_bullhorn;

/// How many of the nine pairs are answered here.
fn right() -> usize {
    if has_mptcp() { 9 } else { 7 }
}

#[test]
fn demo_answers_over_every_pair_and_exits_0() {
    let ended = run_bullhorn(["demo", "hello, wörld"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        ended.text().matches("HELLO, WÖRLD").count(),
        right(),
        "{}",
        ended.text()
    );
    for (family, socket_type) in [
        ("AF_INET ", "SOCK_DGRAM"),
        ("AF_INET6", "SOCK_STREAM"),
        ("AF_UNIX ", "SOCK_DGRAM"),
        ("AF_UNIX ", "SOCK_SEQPACKET"),
    ] {
        assert!(
            ended
                .text()
                .lines()
                .any(|line| line.contains(family) && line.contains(socket_type))
        );
    }
}

/// Everything that sends is slow once, as the first time.
#[test]
fn the_round_trips_of_demo_are_those_of_warm_sockets() {
    let slow = "inject=sendto,sendmsg,sendmmsg:delay_enter=300000:when=1";
    let Some(mut command) = tampered_bullhorn(&[slow]) else {
        return;
    };
    let ended = run(command.args(["demo", "--json"]), b"");
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in ended.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(ns) = line["round_trip_ns"].as_u64() {
            assert!(ns < 300_000_000, "{line}");
        }
    }
}

#[test]
fn demo_in_json_has_a_line_for_each_pair_and_a_summary() {
    let ended = run_bullhorn(["demo", "--json", "ß"]);
    let summary = ended.summary();
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["asked"], 9);
    assert_eq!(summary["right"], right());
    assert_eq!(ended.text().matches(r#""answer":"SS""#).count(), right());
}

#[test]
fn a_flag_can_be_set_by_the_environment() {
    let ended = run(
        bullhorn().args(["demo", "a"]).env("BULLHORN_JSON", "1"),
        b"",
    );
    assert_eq!(ended.summary()["right"], right());
}

/// All but the three of IPv6 answer, and these are reported.
fn assert_without_ipv6(ended: &Ended) {
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let without_mptcp = 9 - right();
    assert_eq!(ended.summary()["right"], 6 - without_mptcp / 2, "{ended:?}");
    let missing = r#""problem":"this machine has no IPv6""#;
    let missing = ended.text().matches(missing).count();
    assert_eq!(missing, 3 - without_mptcp / 2, "{ended:?}");
}

#[test]
fn disabled_ipv6_is_reported_and_is_not_a_failure() {
    if let Some(mut command) = in_a_network_of_its_own(NO_IPV6, &["demo", "--json"]) {
        assert_without_ipv6(&run(&mut command, b""));
    }
}

#[test]
fn a_kernel_without_ipv6_is_reported_and_is_not_a_failure() {
    let inet6 = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        libc::AF_INET6 as u64,
    );
    let rule = SeccompRule::new(vec![inet6.unwrap()]).unwrap();
    let rules = [(libc::SYS_socket, vec![rule])];
    let demo = || run_bullhorn(["demo", "--json"]);
    if let Some(ended) = refusing_where(&rules, libc::EAFNOSUPPORT, demo) {
        assert_without_ipv6(&ended);
    }
    // Any other error with IPv6 is still a failure.
    if let Some(ended) = refusing_where(&rules, libc::ENOBUFS, demo) {
        assert_eq!(ended.code, 1, "{ended:?}");
    }
}
