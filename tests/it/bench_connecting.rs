//! `bench` before the load: which address of a name it uses, and SYNs that are lost.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::schemas::assert_lines;
use crate::support::{Ended, Served, clean, find_program, program, run, run_bullhorn, skipped};
use crate::support_netns::in_own_network;

fn bench(arguments: &[&str]) -> Ended {
    let always = [
        "bench",
        "--warmup",
        "off",
        "--count",
        "200",
        "--timeout",
        "1s",
    ];
    run_bullhorn([&always[..], arguments].concat())
}

#[test]
fn the_next_address_of_a_name_is_used_when_the_first_is_silent() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let port = served.port(0);
    let Ok(silent) = UdpSocket::bind(("::1", port)) else {
        return skipped("this machine has no IPv6");
    };
    let hosts = tempfile::NamedTempFile::new().unwrap();
    // The resolver sorts ::1 first (RFC 6724).
    std::fs::write(
        &hosts,
        "127.0.0.1 two.bullhorn.test\n::1 two.bullhorn.test\n",
    )
    .unwrap();
    let mut command = clean(Command::new("unshare"));
    let script = "mount --bind \"$0\" /etc/hosts || exit 99; exec \"$@\"";
    command.args(["--mount", "sh", "-c", script]);
    command
        .arg(hosts.path())
        .arg(program())
        .args(["bench", "--json"]);
    command.args(["--warmup", "off", "--count", "200", "--timeout", "2s"]);
    let ended = run(command.arg(format!("udp://two.bullhorn.test:{port}")), b"");
    if ended.code == 99 || ended.stderr.contains("unshare failed") {
        return skipped("a namespace of mounts needs the privilege CAP_SYS_ADMIN");
    }
    assert_eq!(ended.code, 0, "{ended:?}");
    let using = format!("using {}", served.endpoint());
    assert!(ended.stderr.contains(&using), "{}", ended.stderr);
    assert_eq!(ended.summary()["endpoint"], served.endpoint());
    drop(silent);
    // One more than the load: the trial.
    served.stop().assert_datagrams(201, 201, 0);
}

/// Drops the first SYN to a port, in the network of this thread.
fn drop_first_syn(port: u16) -> bool {
    let rules = format!(
        "add table inet test; add chain inet test in {{ type filter hook input priority 0; }};
         add rule inet test in tcp dport {port} tcp flags & (syn | ack) == syn \
         numgen inc mod 1000 == 0 drop"
    );
    let status = Command::new("nft").arg(rules).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_lost_syn_is_repeated_and_reported() {
    if find_program("nft").is_none() {
        return;
    }
    in_own_network(|| {
        for host in ["127.0.0.1", "[::1]"] {
            let served = Served::start(&[&format!("tcp://{host}:0")]);
            for json in [true, false] {
                if !drop_first_syn(served.port(0)) {
                    return skipped("nft has no rule for this kernel");
                }
                let arguments = [served.endpoint(), "--flows", "4", "--json"];
                let ended = bench(&arguments[..3 + usize::from(json)]);
                assert_eq!(ended.code, 0, "{ended:?}");
                if json {
                    assert_lines("bench", &ended.text());
                    let summary = ended.summary();
                    assert_eq!(summary["slow_connects"], 1, "{summary}");
                    assert!(summary["connect_max_ns"].as_u64() >= Some(1_000_000_000));
                } else {
                    let line = "slow to connect: 1 of 4 connections";
                    assert!(ended.text().contains(line), "{}", ended.text());
                }
                assert!(
                    Command::new("nft")
                        .args(["flush", "ruleset"])
                        .status()
                        .unwrap()
                        .success()
                );
            }
        }
    });
}

/// A server that accepts rarely, behind a backlog of one.
fn accept_slowly(listener: &Socket) {
    while let Ok((connection, _)) = listener.accept() {
        std::thread::spawn(move || {
            let mut writer = TcpStream::from(connection);
            let lines = BufReader::new(writer.try_clone().unwrap()).lines();
            for line in lines.map_while(Result::ok) {
                let answer = line.to_uppercase() + "\n";
                if writer.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        });
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_full_backlog_delays_connections_and_ends_no_run() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(1).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| accept_slowly(&listener));
        let ended = bench(&[&format!("tcp://{address}"), "--flows", "6", "--json"]);
        // Ends the wait for the next connection.
        let _ = listener.shutdown(std::net::Shutdown::Both);
        assert_eq!(ended.code, 0, "{ended:?}");
        let summary = ended.summary();
        assert_eq!(summary["ok"], 200, "{summary}");
        assert!(summary["slow_connects"].as_u64() > Some(0), "{summary}");
    });
}
