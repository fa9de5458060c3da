//! Networks that a test makes (two namespaces joined by a veth pair), and datagrams with any
//! source. Both need root; without it a test prints "skipped".

use std::io;
use std::io::Write;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::{bullhorn, clean, find_program, own, skipped};

/// Longer than any network takes to come up.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Two namespaces joined by a veth pair: 10.99.0.1 and fd99::1 here, 10.99.0.2 and fd99::2 there.
pub struct Network {
    pub here: String,
    pub there: String,
}

pub const HERE: &str = "10.99.0.1";
pub const THERE: &str = "10.99.0.2";

impl Network {
    /// `None`, with a line that gives the reason, where this is not possible.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        find_program("ip")?;
        let name = own(&format!("bh{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let network = Self {
            here: format!("{name}-a"),
            there: format!("{name}-b"),
        };
        if !ip(&["netns", "add", &network.here]) || !ip(&["netns", "add", &network.there]) {
            skipped("a network namespace needs CAP_SYS_ADMIN");
            return None;
        }
        let (here, there) = (network.here.as_str(), network.there.as_str());
        let cable = [
            "link", "add", "cable", "type", "veth", "peer", "name", "cable",
        ];
        assert!(ip(&[&["-n", here][..], &cable, &["netns", there]].concat()));
        for (side, ipv4, ipv6) in [(here, HERE, "fd99::1/64"), (there, THERE, "fd99::2/64")] {
            let ipv4 = format!("{ipv4}/24");
            let ipv4 = ["address", "add", &ipv4, "broadcast", "+", "dev", "cable"];
            // Without IPv6 on the machine, the tests of IPv4 still run.
            ip(&["-n", side, "address", "add", ipv6, "dev", "cable", "nodad"]);
            assert!(ip(&[&["-n", side][..], &ipv4].concat()));
            assert!(ip(&["-n", side, "link", "set", "lo", "up"]));
            assert!(ip(&["-n", side, "link", "set", "cable", "up"]));
        }
        for side in [here, there] {
            wait_for_groups(side);
        }
        Some(network)
    }

    /// A program in one of the namespaces.
    pub fn command(side: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = clean(Command::new("ip"));
        command.args(["netns", "exec", side]).arg(program);
        command
    }

    /// `bullhorn` in one of the namespaces.
    pub fn bullhorn(side: &str, arguments: &[&str]) -> Command {
        let mut command = Self::command(side, bullhorn().get_program());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// How many datagrams have come to the sockets of one of the namespaces.
    pub fn datagrams(side: &str) -> u64 {
        let output = Self::command(side, "cat").arg("/proc/net/snmp").output();
        let text = String::from_utf8(output.expect("no ip").stdout).expect("no text");
        let line = text.lines().filter(|line| line.starts_with("Udp:")).nth(1);
        let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        count.expect("no count of datagrams")
    }

    /// Sends datagrams from within a namespace, each with any IPv4 source.
    pub fn spoof(side: &str, datagrams: &[(SocketAddrV4, SocketAddrV4, String)]) {
        const SCRIPT: &str = "
import socket, struct, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for line in sys.stdin:
    source, port, to, to_port, text = line.rstrip('\\n').split(' ', 4)
    text = text.encode()
    udp = struct.pack('!4H', int(port), int(to_port), 8 + len(text), 0) + text
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(to))
    raw.sendto(ip + udp, (to, 0))
";
        let mut command = Self::command(side, "python3");
        let mut child: Child = command
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .spawn()
            .expect("no python3");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        for (from, to, text) in datagrams {
            let (from_ip, from_port, to_ip, to_port) = (from.ip(), from.port(), to.ip(), to.port());
            writeln!(stdin, "{from_ip} {from_port} {to_ip} {to_port} {text}")
                .expect("cannot write");
        }
        drop(stdin);
        assert!(child.wait().expect("cannot wait").success());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.here]);
        ip(&["netns", "del", &self.there]);
    }
}

/// Runs `ip` in a namespace; it must succeed.
pub fn ip_in(side: &str, arguments: &str) {
    let all: Vec<&str> = ["-n", side]
        .into_iter()
        .chain(arguments.split(' '))
        .collect();
    assert!(ip(&all), "ip -n {side} {arguments}");
}

/// Gives `nft` this ruleset in a namespace.
pub fn nft(side: &str, ruleset: &str) {
    let mut command = Network::command(side, "nft");
    command.args(["-f", "-"]).stdin(Stdio::piped());
    let mut child = command.spawn().expect("no nft");
    let stdin = child.stdin.take();
    let mut stdin = stdin.expect("stdin is piped");
    stdin.write_all(ruleset.as_bytes()).expect("cannot write");
    drop(stdin);
    assert!(child.wait().expect("cannot wait").success(), "{ruleset}");
}

fn ip(arguments: &[&str]) -> bool {
    let output = Command::new("ip").args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// The kernel makes the route to IPv6 groups only some time after the interface is up
/// (net/ipv6/addrconf.c). Without IPv6 on the machine there is none to wait for.
fn wait_for_groups(side: &str) {
    let begin = Instant::now();
    let arguments = ["-n", side, "-6", "route", "show", "table", "local"];
    while Path::new("/proc/net/if_inet6").exists() {
        let output = Command::new("ip").args(arguments).output().expect("no ip");
        let routes = String::from_utf8_lossy(&output.stdout).into_owned();
        if routes.contains("ff00::/8 dev cable") {
            return;
        }
        assert!(
            begin.elapsed() < TEST_TIMEOUT,
            "no route to groups: {routes}"
        );
    }
}

/// Runs a test in a new network with only loopback, together with all threads and programs that it
/// starts, so that a spoofed source cannot hit another program's socket. `None`, with a line that
/// gives the reason, where this is not possible.
pub fn in_own_network<R: Send>(test: impl FnOnce() -> R + Send) -> Option<R> {
    find_program("ip")?;
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::scope(|scope| {
        // The namespace belongs to the thread (unshare(2)), so it must not be a thread that others
        // use later.
        let thread = std::thread::Builder::new().name(name);
        let thread = thread.spawn_scoped(scope, || {
            if unshare(CloneFlags::CLONE_NEWNET).is_err() || !ip(&["link", "set", "lo", "up"]) {
                skipped("a network namespace needs CAP_SYS_ADMIN");
                return None;
            }
            Some(test())
        });
        match thread.expect("no thread").join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Sends IPv4 datagrams with any source, on this machine's own network.
pub struct RawSender(Socket);

impl RawSender {
    /// `None`, with a line that gives the reason, where this is not possible.
    pub fn new() -> Option<Self> {
        // IPPROTO_RAW: the header is ours (raw(7)).
        match Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))) {
            Ok(socket) => Some(Self(socket)),
            Err(_) => {
                skipped("a spoofed source needs CAP_NET_RAW");
                None
            }
        }
    }

    /// The kernel fills in the checksum of the IP header; UDP over IPv4 may omit its own.
    pub fn send(&self, from: SocketAddrV4, to: SocketAddrV4, text: &[u8]) -> io::Result<()> {
        let length = 28 + text.len() as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend((length - 20).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(text);
        self.0.send_to(&packet, &SocketAddr::from(to).into())?;
        Ok(())
    }
}
