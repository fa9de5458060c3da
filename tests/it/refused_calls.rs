//! Calls that a container's seccomp profile refuses, or that the kernel does not have: the program
//! works without them, and reports that in one line.

use std::net::UdpSocket;
use std::process::{Command, Stdio};

use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use crate::bind::assert_local_error;
use crate::support::{
    Running, Served, TEST_TIMEOUT, bullhorn, find_program, own, run_bullhorn, uninterrupted,
    wait_until,
};
use crate::support_netns::in_own_network;
use crate::support_refusal::{refusing, refusing_where};

/// The errors that profiles return.
const REFUSALS: [i32; 2] = [libc::ENOSYS, libc::EPERM];

const BATCH_CALLS: [i64; 2] = [libc::SYS_recvmmsg, libc::SYS_sendmmsg];

fn client_of(port: u16) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client
}

fn receive(client: &UdpSocket) -> String {
    let mut buffer = [0; 64];
    let length = uninterrupted(|| client.recv(&mut buffer)).expect("no answer");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Texts of many clients that wait for a stopped server, so that it receives and answers them in batches.
fn ask_in_batches(served: &Served, port: u16) -> u64 {
    const CLIENTS: usize = 5;
    const EACH: usize = 40;
    let clients: Vec<UdpSocket> = (0..CLIENTS).map(|_| client_of(port)).collect();
    served.process.signal("STOP");
    for number in 0..EACH {
        for (index, client) in clients.iter().enumerate() {
            // Of several lengths, so that not all can leave as one buffer.
            let text = format!("client {index} text {number}{}", "-".repeat(number % 3));
            client.send(text.as_bytes()).unwrap();
        }
    }
    served.process.signal("CONT");
    for number in 0..EACH {
        for (index, client) in clients.iter().enumerate() {
            let answer = format!("CLIENT {index} TEXT {number}{}", "-".repeat(number % 3));
            assert_eq!(receive(client), answer);
        }
    }
    (CLIENTS * EACH) as u64
}

fn assert_said_once(stderr: &str, calls: &[&str]) {
    for call in calls {
        let line = format!("warning: the system call {call} is refused here");
        assert_eq!(stderr.matches(&line).count(), 1, "{call}: {stderr}");
    }
    assert_eq!(stderr.lines().count(), calls.len(), "{stderr}");
}

#[test]
fn without_batched_calls_every_datagram_is_answered_by_single_calls() {
    for error in REFUSALS {
        for endpoint in ["udp://127.0.0.1:0", "udp://0.0.0.0:0"] {
            let answered = refusing(&BATCH_CALLS, error, || {
                let served = Served::start(&[endpoint, "--workers", "2"]);
                let client = client_of(served.port(0));
                client.send(b"alone").unwrap();
                assert_eq!(receive(&client), "ALONE");
                let asked = 1 + ask_in_batches(&served, served.port(0));
                (asked, served.stop())
            });
            let Some((asked, totals)) = answered else {
                return;
            };
            totals.assert_datagrams(asked, asked, 0);
            assert_said_once(&totals.stderr, &["recvmmsg", "sendmmsg"]);
        }
    }
}

#[test]
fn a_client_without_batched_calls_loses_nothing() {
    let unix = own("unixgram:@bullhorn-refused");
    let served = Served::start(&["udp://127.0.0.1:0", &unix]);
    let endpoint = served.endpoint();
    for error in REFUSALS {
        let loads = [
            (
                endpoint,
                &["--no-offload"][..],
                &["recvmmsg", "sendmmsg"][..],
            ),
            (endpoint, &[], &["recvmmsg"]),
            (&unix, &[], &["recvmmsg", "sendmmsg"]),
        ];
        for (endpoint, options, calls) in loads {
            let arguments = [
                "bench", "--json", "--warmup", "off", "--count", "5000", endpoint,
            ];
            let Some(ended) = refusing(&BATCH_CALLS, error, || {
                run_bullhorn([&arguments[..], options].concat())
            }) else {
                return;
            };
            assert_eq!(ended.code, 0, "{ended:?}");
            assert_eq!(ended.summary()["ok"], 5000, "{ended:?}");
            assert_said_once(&ended.stderr, calls);
        }
        for endpoint in [endpoint, &unix] {
            for arguments in [
                &["send", endpoint, "a", "b"][..],
                &["ping", "-q", "-c", "2", "-i", "200ms", endpoint],
            ] {
                let ended = refusing(&BATCH_CALLS, error, || run_bullhorn(arguments)).unwrap();
                assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
            }
        }
    }
}

/// A firewall returns EPERM too, but for one datagram.
#[test]
fn what_a_firewall_drops_is_counted_and_is_not_a_refusal_of_the_call() {
    if find_program("nft").is_none() {
        return;
    }
    let nft = |rules: &str| {
        let status = Command::new("nft").arg(rules).status().expect("no nft");
        assert!(status.success(), "{rules}");
    };
    in_own_network(|| {
        let served = Served::start(&["udp://127.0.0.1:0", "--workers", "1"]);
        let port = served.port(0);
        let before = ask_in_batches(&served, port);
        nft("add table ip test");
        nft("add chain ip test out { type filter hook output priority 0 ; }");
        nft(&format!(
            "add rule ip test out udp sport {port} counter drop"
        ));
        let clients: Vec<UdpSocket> = (0..3).map(|_| client_of(port)).collect();
        served.process.signal("STOP");
        for client in &clients {
            client.send(b"first").unwrap();
            client.send(b"second is longer").unwrap();
        }
        served.process.signal("CONT");
        let dropped = 2 * clients.len() as u64;
        wait_until("the answers are dropped", || {
            let output = Command::new("nft").args(["list", "ruleset"]).output();
            let rules = String::from_utf8(output.unwrap().stdout).unwrap();
            rules.contains(&format!("packets {dropped} "))
        });
        nft("delete table ip test");
        let after = ask_in_batches(&served, port);
        let totals = served.stop();
        let received = before + dropped + after;
        totals.assert_datagrams(received, before + after, dropped);
        let causes = &totals.summary["endpoints"][0]["dropped_by"];
        assert_eq!(causes["send_failed"], dropped, "{totals:?}");
        assert_eq!(totals.stderr, "");
    });
}

/// If refused, these would otherwise show only in an answer, or an end, that never comes.
#[test]
fn an_essential_call_that_is_refused_ends_the_verb_and_is_named() {
    let endpoint = own("unix:@bullhorn-needed");
    for (call, name) in [
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_epoll_pwait, "epoll_pwait"),
        (libc::SYS_recvfrom, "recvfrom"),
        (libc::SYS_recvmsg, "recvmsg"),
        (libc::SYS_sendmsg, "sendmsg"),
        (libc::SYS_sendto, "sendto"),
        (libc::SYS_shutdown, "shutdown"),
        (libc::SYS_socketpair, "socketpair"),
    ] {
        for error in REFUSALS {
            for arguments in [
                &["serve", "udp://127.0.0.1:0"][..],
                &["serve", &endpoint],
                &["send", &endpoint, "a"],
                &["ping", "-c", "1", &endpoint],
                &["bench", "--count", "1", &endpoint],
                &["demo"],
            ] {
                let mut command = bullhorn();
                command.args(arguments).stdin(Stdio::null());
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                // Started under the filter, and waited for without it, as waiting needs such calls
                // too.
                let start = || Running::start(&mut command);
                let Some(process) = refusing(&[call], error, start) else {
                    return;
                };
                let ended = process.output();
                let words = format!("the system call {name} is refused here");
                assert_local_error(&ended, "cannot start", &[&words, "seccomp"]);
            }
        }
    }
}

/// A rule for `setsockopt` or `getsockopt` of only this option.
fn of_option(level: i32, name: i32) -> Vec<SeccompRule> {
    let is = |index, value: i32| {
        let (width, operator) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
        SeccompCondition::new(index, width, operator, value as u64).expect("a sound condition")
    };
    vec![SeccompRule::new(vec![is(1, level), is(2, name)]).expect("a sound rule")]
}

#[test]
fn without_an_optional_socket_option_everything_is_answered() {
    let unix = own("unixgram:@bullhorn-options");
    let (set, get) = (libc::SYS_setsockopt, libc::SYS_getsockopt);
    for (call, level, name, is_said) in [
        (set, libc::SOL_UDP, libc::UDP_GRO, false),
        (set, libc::SOL_UDP, libc::UDP_SEGMENT, false),
        (set, libc::SOL_SOCKET, libc::SO_RCVBUF, false),
        (get, libc::SOL_SOCKET, libc::SO_DOMAIN, false),
        (get, libc::SOL_SOCKET, libc::SO_MEMINFO, true),
    ] {
        for error in [REFUSALS[0], REFUSALS[1], libc::ENOPROTOOPT] {
            let rules = [(call, of_option(level, name))];
            let Some(totals) = refusing_where(&rules, error, || {
                let served = Served::start(&["udp://127.0.0.1:0", &unix, "--workers", "2"]);
                for endpoint in [served.endpoint(), &unix] {
                    let load = ["bench", "--json", "--warmup", "off", "--count", "500"];
                    let ended = run_bullhorn([&load[..], &[endpoint]].concat());
                    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{name}");
                    assert_eq!(ended.summary()["ok"], 500, "{name} {ended:?}");
                }
                ask_in_batches(&served, served.port(0));
                served.stop()
            }) else {
                return;
            };
            assert_eq!(totals.code, Some(0), "{totals:?}");
            assert_eq!(totals.summary["dropped"], 0, "{totals:?}");
            let lines = totals.stderr.lines().count();
            assert_eq!(lines, usize::from(is_said), "{name}: {}", totals.stderr);
        }
    }
}

#[test]
fn a_requested_receive_buffer_that_is_refused_is_an_error() {
    let rules = [(
        libc::SYS_setsockopt,
        of_option(libc::SOL_SOCKET, libc::SO_RCVBUF),
    )];
    let endpoint = "udp://127.0.0.1:0";
    let arguments = ["serve", "--receive-buffer", "300000", endpoint];
    if let Some(ended) = refusing_where(&rules, libc::ENOSYS, || run_bullhorn(arguments)) {
        assert_local_error(&ended, endpoint, &["configure"]);
    }
}
