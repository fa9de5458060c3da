//! What can be bound, and the one line and exit code 7 for what cannot.

use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::support::{Ended, Served, bullhorn, find_program, run, run_bullhorn, skipped};

/// Asserts exit code 7, and one line that names the endpoint and has every one of `words`.
pub fn assert_local_error(ended: &Ended, endpoint: &str, words: &[&str]) {
    assert_eq!((ended.code, ended.text().as_str()), (7, ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(endpoint), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "no {word:?} in: {ended:?}");
    }
}

/// A number in a file under /proc/sys.
pub fn kernel_setting(name: &str) -> Option<usize> {
    let number = fs::read_to_string(format!("/proc/sys/{name}"))
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if number.is_none() {
        skipped(&format!("/proc/sys/{name} cannot be read"));
    }
    number
}

#[test]
fn a_second_server_on_a_port_reports_that_it_is_in_use() {
    for (first, second) in [
        ("udp://127.0.0.1", "udp://127.0.0.1"),
        ("tcp://127.0.0.1", "tcp://127.0.0.1"),
        ("udp://127.0.0.1", "udp://0.0.0.0"),
        ("udp://0.0.0.0", "udp://127.0.0.1"),
        ("tcp://127.0.0.1", "tcp://0.0.0.0"),
        ("tcp://0.0.0.0", "tcp://127.0.0.1"),
        ("udp://127.0.0.1", "udp://"),
        ("tcp://0.0.0.0", "tcp://"),
    ] {
        assert_second_is_refused(first, second);
    }
}

pub fn assert_second_is_refused(first: &str, second: &str) {
    let served = Served::start(&[&format!("{first}:0")]);
    let port = served.port(0);
    let ended = run_bullhorn(["serve", "--json", &format!("{second}:{port}")]);
    let list = if first.starts_with("udp") {
        "ss -lunp"
    } else {
        "ss -ltnp"
    };
    assert_local_error(&ended, &format!(":{port}"), &["in use", list]);
    // The first server still answers.
    let asked = served.endpoint().replace("0.0.0.0", "127.0.0.1");
    let asked = asked.replace("[::]", "[::1]");
    assert_eq!(run_bullhorn(["send", &asked, "still there?"]).code, 0);
}

#[test]
fn two_servers_on_the_empty_host_collide() {
    for scheme in ["udp", "tcp"] {
        let endpoint = format!("{scheme}://:0");
        let served = Served::start(&[&endpoint]);
        let again = format!("{scheme}://:{}", served.port(0));
        let ended = run_bullhorn(["serve", "--json", &again]);
        assert_local_error(&ended, &again.replace("//", "//0.0.0.0"), &["in use"]);
    }
}

#[test]
fn when_one_endpoint_cannot_be_bound_none_is_served() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = format!("udp://{}", taken.local_addr().unwrap());
    let ended = run_bullhorn(["serve", "--json", "udp://127.0.0.1:0", &taken]);
    assert_local_error(&ended, &taken, &["in use"]);
}

#[test]
fn a_privileged_port_is_refused_with_what_to_do() {
    let Some(first_free) = kernel_setting("net/ipv4/ip_unprivileged_port_start") else {
        return;
    };
    if first_free <= 1 {
        return skipped("net.ipv4.ip_unprivileged_port_start allows every port to every user");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join("bullhorn");
    fs::copy(bullhorn().get_program(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let Some(setpriv) = find_program("setpriv") else {
            return;
        };
        let mut command = Command::new(setpriv);
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(copy);
        command
    } else {
        Command::new(copy)
    };
    let ended = run(command.args(["serve", "udp://127.0.0.1:1"]), b"");
    assert_local_error(
        &ended,
        "udp://127.0.0.1:1",
        &["below 1024", "1024 up", "CAP_NET_BIND_SERVICE"],
    );
}

#[test]
fn an_address_of_another_machine_is_refused() {
    match kernel_setting("net/ipv4/ip_nonlocal_bind") {
        Some(0) => {}
        Some(_) => return skipped("net.ipv4.ip_nonlocal_bind is on"),
        None => return,
    }
    for endpoint in ["udp://192.0.2.1:0", "tcp://192.0.2.1:0"] {
        let ended = run_bullhorn(["serve", endpoint]);
        let every_address = endpoint.replace("192.0.2.1:0", ":3000");
        assert_local_error(
            &ended,
            endpoint,
            &["not one of this machine's", &every_address],
        );
    }
}

#[test]
fn port_0_prints_the_port_that_the_kernel_chose() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "udp://127.0.0.1:0",
        "tcp://127.0.0.1:0",
    ]);
    assert_ne!(served.port(0), served.port(1));
    for endpoint in &served.endpoints {
        assert_eq!(run_bullhorn(["send", endpoint, "a"]).text(), "A\n");
    }
}

#[test]
fn a_name_binds_each_of_its_local_addresses() {
    let mut expected: Vec<IpAddr> = Vec::new();
    for address in ("localhost", 0).to_socket_addrs().unwrap() {
        if UdpSocket::bind(address).is_ok() && !expected.contains(&address.ip()) {
            expected.push(address.ip());
        }
    }
    let mut command = bullhorn();
    command.args(["serve", "--json", "localhost:0"]);
    let served = Served::start_command(&mut command, expected.len());
    for (endpoint, address) in served.endpoints.iter().zip(expected) {
        let expected = format!("udp://{}", SocketAddr::new(address, 0));
        assert!(
            endpoint.starts_with(expected.trim_end_matches('0')),
            "{endpoint}"
        );
        assert_eq!(run_bullhorn(["send", endpoint, "a"]).text(), "A\n");
    }
}
