//! IPv6: zones by name and number, ports that collide, and a machine that has no IPv6.

use std::net::UdpSocket;
use std::process::Command;

use crate::bind::{assert_local_error, assert_second_is_refused};
use crate::support::{Served, bullhorn, find_program, run, run_bullhorn, skipped};

fn has_ipv6() -> bool {
    let found = UdpSocket::bind("[::1]:0").is_ok();
    if !found {
        skipped("this machine has no IPv6");
    }
    found
}

/// Disables IPv6 in a network, as in many containers.
pub const NO_IPV6: &str =
    "for file in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $file; done";

/// `bullhorn` in a network namespace prepared by a script; `None`, with a line that gives the
/// reason, where this is not possible.
pub fn in_a_network_of_its_own(preparation: &str, arguments: &[&str]) -> Option<Command> {
    let unshare = find_program("unshare")?;
    find_program("ip")?;
    if !Command::new(&unshare)
        .args(["--net", "ip", "link", "set", "lo", "up"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        skipped("a network namespace needs CAP_SYS_ADMIN");
        return None;
    }
    let program = bullhorn();
    let mut command = Command::new(unshare);
    let script = format!("ip link set lo up && {preparation} && exec \"$0\" \"$@\"");
    command
        .args(["--net", "sh", "-c", &script])
        .arg(program.get_program())
        .args(arguments);
    Some(command)
}

#[test]
fn a_second_server_on_an_ipv6_port_reports_that_it_is_in_use() {
    if !has_ipv6() {
        return;
    }
    for (first, second) in [
        ("udp://[::1]", "udp://[::1]"),
        ("tcp://[::1]", "tcp://[::1]"),
        ("udp://[::]", "udp://[::1]"),
        ("tcp://[::1]", "tcp://[::]"),
        ("udp://[::]", "udp://"),
        ("tcp://[::]", "tcp://"),
    ] {
        assert_second_is_refused(first, second);
    }
}

#[test]
fn an_ipv4_address_mapped_to_ipv6_is_refused_with_the_endpoint_to_use_instead() {
    if has_ipv6() {
        let ended = run_bullhorn(["serve", "udp://[::ffff:127.0.0.1]:0"]);
        assert_local_error(&ended, "[::ffff:127.0.0.1]", &["udp://127.0.0.1:3000"]);
    }
}

#[test]
fn a_zone_is_an_interface_by_name_or_number() {
    if !has_ipv6() {
        return;
    }
    for zone in ["lo", "1"] {
        for scheme in ["udp", "tcp"] {
            let served = Served::start(&[&format!("{scheme}://[::1%{zone}]:0")]);
            assert_eq!(run_bullhorn(["send", served.endpoint(), "a"]).text(), "A\n");
        }
    }
    for endpoint in [
        "udp://[::1%no-such-zone]:0",
        "tcp://[fe80::1%no-such-zone]:0",
    ] {
        let ended = run_bullhorn(["serve", endpoint]);
        assert_local_error(&ended, endpoint, &["no network interface", "ip link"]);
    }
    let ended = run_bullhorn(["serve", "udp://[fe80::1%2147483647]:0"]);
    assert_local_error(&ended, "%2147483647", &["no network interface"]);
    let ended = run_bullhorn(["serve", "udp://[fe80::1]:0"]);
    assert_local_error(&ended, "[fe80::1]", &["needs its zone"]);
}

#[test]
fn a_link_local_address_is_served_and_printed_with_its_zone() {
    if !has_ipv6() {
        return;
    }
    let Some(nsenter) = find_program("nsenter") else {
        return;
    };
    let preparation = "ip address add fe80::1/64 dev lo nodad";
    let endpoints = ["udp://[fe80::1%lo]:0", "tcp://[fe80::1%1]:0"];
    let arguments = ["serve", "--json", endpoints[0], endpoints[1]];
    let Some(mut command) = in_a_network_of_its_own(preparation, &arguments) else {
        return;
    };
    let served = Served::start_command(&mut command, 2);
    for endpoint in &served.endpoints {
        assert!(endpoint.contains("[fe80::1%1]"), "{endpoint}");
        let network = format!("--net=/proc/{}/ns/net", served.process.child.id());
        let asked = endpoint.replace("%1", "%lo");
        let ended = run(
            Command::new(&nsenter)
                .arg(network)
                .arg(bullhorn().get_program())
                .args(["send", &asked, "a"]),
            b"",
        );
        assert_eq!(ended.text(), "A\n", "{}", ended.stderr);
    }
}

#[test]
fn without_ipv6_the_empty_host_is_served_over_ipv4_alone_and_reported_once() {
    let arguments = ["serve", "--json", "udp://:0", "tcp://:0"];
    let Some(mut command) = in_a_network_of_its_own(NO_IPV6, &arguments) else {
        return;
    };
    let served = Served::start_command(&mut command, 2);
    for (endpoint, scheme) in served.endpoints.iter().zip(["udp", "tcp"]) {
        assert!(endpoint.starts_with(&format!("{scheme}://0.0.0.0:")));
    }
    let totals = served.stop();
    assert_eq!(totals.code, Some(0));
    assert_eq!(
        totals.stderr.matches("no IPv6").count(),
        1,
        "{}",
        totals.stderr
    );
    assert_eq!(totals.stderr.lines().count(), 1, "{}", totals.stderr);
}
