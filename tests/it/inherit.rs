//! `fd:N` and systemd's LISTEN_FDS: sockets that another program created and bound.

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixDatagram, UnixListener, UnixStream};
use std::process::{Command, Stdio};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::bind::assert_local_error;
use crate::support::{
    Ended, Running, Served, TEST_TIMEOUT, bullhorn, find_program, run_bullhorn, skipped, wait_until,
};

/// `bullhorn` with these arguments, `socket` as descriptor 3, and what `preparation` exports.
pub fn inheriting(preparation: &str, socket: impl Into<OwnedFd>, arguments: &[&str]) -> Command {
    let program = bullhorn();
    let mut command = Command::new("sh");
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    let script = format!("{preparation} exec \"$0\" \"$@\" 3<&0 </dev/null");
    command.args(["-c", &script]).arg(program.get_program());
    command.args(arguments).stdin(Stdio::from(socket.into()));
    command
}

/// Serves `socket` as `fd:3`.
fn served(socket: impl Into<OwnedFd>) -> Served {
    let mut command = inheriting("", socket, &["serve", "--json", "fd:3"]);
    Served::start_command(&mut command, 1)
}

/// Runs a command that is expected to fail at once.
fn ended(mut command: Command) -> Ended {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    let code = running.wait().code().expect("ended by a signal");
    let (mut stdout, mut stderr) = (Vec::new(), String::new());
    let child = &mut running.child;
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut stdout)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    Ended {
        code,
        stdout,
        stderr,
    }
}

fn assert_refused(socket: impl Into<OwnedFd>, reason: &str) {
    let ended = ended(inheriting("", socket, &["serve", "--json", "fd:3"]));
    assert_local_error(&ended, "fd:3", &["cannot inherit", reason]);
}

fn abstract_name(kind: &str) -> String {
    format!("bullhorn-test-inherit-{kind}-{}", std::process::id())
}

fn assert_answers(endpoint: &str) {
    let ended = run_bullhorn(["send", endpoint, "straße"]);
    assert_eq!(ended.text(), "STRASSE\n", "{}", ended.stderr);
}

fn assert_served(socket: impl Into<OwnedFd>, family: &str, socket_type: &str) -> Served {
    let served = served(socket);
    let ready = &served.ready[0];
    assert_eq!(
        (&ready["family"], &ready["type"]),
        (&family.into(), &socket_type.into())
    );
    assert_eq!(ready["descriptor"], 3);
    assert_answers(served.endpoint());
    served
}

#[test]
fn every_family_and_type_can_be_inherited() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_served(udp, "AF_INET", "SOCK_DGRAM");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_served(tcp, "AF_INET", "SOCK_STREAM");
    let directory = tempfile::tempdir().unwrap();
    let datagram = UnixDatagram::bind(directory.path().join("d")).unwrap();
    assert_served(datagram, "AF_UNIX", "SOCK_DGRAM").stop();
    let stream = UnixListener::bind(directory.path().join("s")).unwrap();
    assert_served(stream, "AF_UNIX", "SOCK_STREAM").stop();
    // The program that made a file removes it.
    assert!(directory.path().join("d").exists() && directory.path().join("s").exists());
    let name = net::SocketAddr::from_abstract_name(abstract_name("name")).unwrap();
    assert_served(
        UnixDatagram::bind_addr(&name).unwrap(),
        "AF_UNIX",
        "SOCK_DGRAM",
    );
    match (UdpSocket::bind("[::1]:0"), TcpListener::bind("[::1]:0")) {
        (Ok(udp), Ok(tcp)) => {
            assert_served(udp, "AF_INET6", "SOCK_DGRAM");
            assert_served(tcp, "AF_INET6", "SOCK_STREAM");
        }
        _ => skipped("this machine has no IPv6"),
    }
}

#[test]
fn a_stream_socket_that_is_only_bound_is_made_to_listen() {
    let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let loopback: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    tcp.bind(&loopback.into()).unwrap();
    assert_served(tcp, "AF_INET", "SOCK_STREAM");
    let unix = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let name = format!("\0{}", abstract_name("bound"));
    unix.bind(&SockAddr::unix(name).unwrap()).unwrap();
    assert_served(unix, "AF_UNIX", "SOCK_STREAM");
}

#[test]
fn what_is_not_a_bound_socket_is_refused_with_the_reason() {
    assert_refused(File::open("/dev/null").unwrap(), "not a socket");
    assert_refused(std::io::pipe().unwrap().0, "not a socket");
    let not_passed = run_bullhorn(["serve", "--json", "fd:77"]);
    assert_local_error(&not_passed, "fd:77", &["not open", "pass it on"]);

    let udp = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    assert_refused(udp, "not bound");
    let tcp = Socket::new(Domain::IPV6, Type::STREAM, None);
    tcp.map_or_else(
        |_| skipped("this machine has no IPv6"),
        |tcp| assert_refused(tcp, "not bound"),
    );
    assert_refused(UnixDatagram::unbound().unwrap(), "not bound");
    let unix = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    assert_refused(unix, "not bound");

    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(peer.local_addr().unwrap()).unwrap();
    assert_refused(udp, "connected");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_refused(tcp, "connected");
    assert_refused(UnixStream::pair().unwrap().0, "connected");
}

#[test]
fn a_socket_of_another_kind_is_refused_with_its_kind() {
    let sequenced = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    assert_refused(sequenced, "not bound");
    let netlink = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, None).unwrap();
    assert_refused(netlink, "its family is 16");
    match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)) {
        Ok(raw) => assert_refused(raw, "SOCK_RAW"),
        Err(_) => skipped("a raw socket needs CAP_NET_RAW"),
    }
    match Socket::new(
        Domain::IPV4,
        Type::DGRAM,
        Some(Protocol::from(libc::IPPROTO_UDPLITE)),
    ) {
        Ok(udplite) => assert_refused(udplite, "its protocol is 136"),
        Err(_) => skipped("this kernel has no UDP-Lite"),
    }
}

#[test]
fn an_inherited_name_that_cannot_be_typed_is_shown_as_its_descriptor() {
    for name in [&b"line\nfeed"[..], b"\xff"] {
        let name = [name, abstract_name("odd").as_bytes()].concat();
        let address = net::SocketAddr::from_abstract_name(name).unwrap();
        let served = served(UnixDatagram::bind_addr(&address).unwrap());
        assert_eq!(served.endpoint(), "fd:3");
        let client = UnixDatagram::bind_addr(
            &net::SocketAddr::from_abstract_name(abstract_name("asker")).unwrap(),
        );
        let client = client.unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        client.send_to_addr(b"a", &address).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(client.recv(&mut buffer).unwrap(), 1);
        served.stop().assert_datagrams(1, 1, 0);
    }
}

#[test]
fn one_of_our_own_sockets_is_never_taken_for_an_inherited_one() {
    // The first endpoint's socket would get descriptor 3, which was not passed.
    let ended = run_bullhorn(["serve", "--json", "udp://127.0.0.1:0", "fd:3"]);
    assert_local_error(&ended, "fd:3", &["not open"]);
}

#[test]
fn an_inherited_wildcard_socket_answers_from_the_address_that_the_request_was_sent_to() {
    let served = served(UdpSocket::bind("0.0.0.0:0").unwrap());
    let port = served.port(0);
    for host in ["127.0.0.2", "127.0.0.3"] {
        // A connected client receives answers from this address only.
        assert_answers(&format!("udp://{host}:{port}"));
    }
    served.stop().assert_datagrams(2, 2, 0);
}

#[test]
fn an_inherited_socket_of_both_families_answers_from_the_address_that_the_request_was_sent_to() {
    let Ok(both) = Socket::new(Domain::IPV6, Type::DGRAM, None) else {
        return skipped("this machine has no IPv6");
    };
    both.set_only_v6(false).unwrap();
    let every_address: std::net::SocketAddr = "[::]:0".parse().unwrap();
    both.bind(&every_address.into()).unwrap();
    let served = served(both);
    let port = served.port(0);
    for host in ["127.0.0.2", "127.0.0.3", "[::1]"] {
        assert_answers(&format!("udp://{host}:{port}"));
    }
    served.stop().assert_datagrams(3, 3, 0);
}

#[test]
fn a_socket_that_another_process_holds_passes_between_servers_without_loss() {
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(held.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    for round in 0..3 {
        // Sent while no server runs; the next one answers it.
        let text = format!("round {round}");
        client.send(text.as_bytes()).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let by_datagrams = served(held.try_clone().unwrap());
        let by_streams = served(listener.try_clone().unwrap());
        let mut buffer = [0; 64];
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], text.to_uppercase().as_bytes());
        drop(stream);
        assert_answers(by_streams.endpoint());
        by_datagrams.stop().assert_datagrams(1, 1, 0);
        assert_eq!(by_streams.stop().code, Some(0));
    }
}

#[test]
fn without_endpoints_the_sockets_that_systemd_passes_are_served() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let expected = format!("udp://{}", socket.local_addr().unwrap());
    let announced = "export LISTEN_PID=$$ LISTEN_FDS=2; exec 4<&0;";
    let mut command = inheriting(announced, socket, &["serve", "--json"]);
    let served = Served::start_command(&mut command, 2);
    assert_eq!(served.endpoints, [expected.clone(), expected]);
    assert_eq!(
        (
            &served.ready[0]["descriptor"],
            &served.ready[1]["descriptor"]
        ),
        (&3.into(), &4.into())
    );
    assert_answers(served.endpoint());
}

#[test]
fn given_endpoints_take_precedence_over_those_that_systemd_passes() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let announced = "export LISTEN_PID=$$ LISTEN_FDS=1;";
    let mut command = inheriting(announced, socket, &["serve", "--json", "tcp://127.0.0.1:0"]);
    let served = Served::start_command(&mut command, 1);
    assert!(served.endpoint().starts_with("tcp://"));
}

#[test]
fn a_count_of_descriptors_that_is_not_a_number_is_a_usage_error() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let announced = "export LISTEN_PID=$$ LISTEN_FDS=many;";
    let ended = ended(inheriting(announced, socket, &["serve", "--json"]));
    assert_eq!((ended.code, ended.stderr.lines().count()), (2, 1));
    assert!(
        ended.stderr.contains("LISTEN_FDS=\"many\""),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_server_can_be_started_by_its_first_client() {
    let Some(activate) = find_program("systemd-socket-activate") else {
        return;
    };
    let name = abstract_name("activate");
    let mut command = Command::new(activate);
    command.args(["--listen", &format!("@{name}")]);
    command
        .arg(bullhorn().get_program())
        .args(["serve", "--json"]);
    command.stdin(Stdio::null());
    let waiting = std::thread::spawn(move || Served::start_command(&mut command, 1));
    let endpoint = format!("unix:@{name}");
    wait_until("the socket is there", || {
        run_bullhorn(["send", &endpoint, "a"]).text() == "A\n"
    });
    let served = waiting.join().unwrap();
    assert_eq!(served.endpoint(), endpoint);
    assert_eq!(served.stop().code, Some(0));
}
