//! A path with several routers that a test makes for itself, each host in a network namespace. It
//! needs root; without it a test says "skipped".

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Ended, Served, bullhorn, find_program, own, run, skipped};
use crate::support_path::Path;

/// More than any network takes to come up.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(30);

/// The routers between the client and the server.
pub const ROUTERS: usize = 3;

/// The client, the routers and the server, in this order. Link `n` leads from host `n - 1` to host `n`,
/// which have the addresses 1 and 2 on it.
pub struct Routers {
    pub hosts: Vec<String>,
}

/// The address of host `index` towards the client, `[IPv4, IPv6]`: where it replies from.
pub fn address(index: usize) -> [String; 2] {
    [format!("10.78.{index}.2"), format!("fd78:{index}::2")]
}

impl Routers {
    /// `None` where this cannot be made, with the reason printed.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        find_program("ip")?;
        find_program("nft")?;
        let name = own(&format!("bt{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let hosts = (0..ROUTERS + 2).map(|index| format!("{name}-{index}"));
        let routers = Self {
            hosts: hosts.collect(),
        };
        for host in &routers.hosts {
            if !ip(&format!("netns add {host}")) {
                skipped("a network namespace needs the privilege CAP_SYS_ADMIN");
                return None;
            }
            Path::ip(host, "link set lo up");
            let mut sysctl = Path::command(host, "sysctl");
            let status = sysctl.arg("-qw").args([
                "net.ipv4.icmp_ratelimit=0",
                "net.ipv6.icmp.ratelimit=0",
                "net.ipv4.ip_forward=1",
                "net.ipv6.conf.all.forwarding=1",
                // A router asks for a neighbour only once its link-local address is not tentative.
                "net.ipv6.conf.default.accept_dad=0",
                "net.ipv6.conf.all.accept_dad=0",
            ]);
            assert!(status.status().expect("no sysctl").success());
        }
        for link in 1..=ROUTERS + 1 {
            routers.join(link);
        }
        for (index, host) in routers.hosts.iter().enumerate() {
            for interface in [
                (index > 0).then_some("back"),
                (index <= ROUTERS).then_some("forth"),
            ] {
                interface.into_iter().for_each(|it| wait_until_up(host, it));
            }
        }
        for index in 0..routers.hosts.len() {
            routers.route(index);
        }
        Some(routers)
    }

    fn join(&self, link: usize) {
        let [near, far] = [&self.hosts[link - 1], &self.hosts[link]];
        let cable = format!("link add forth type veth peer name back netns {far}");
        Path::ip(near, &cable);
        for (host, interface, number) in [(near, "forth", 1), (far, "back", 2)] {
            let ipv4 = format!("address add 10.78.{link}.{number}/24 dev {interface}");
            Path::ip(host, &ipv4);
            let ipv6 = format!("address add fd78:{link}::{number}/64 dev {interface} nodad");
            Path::ip(host, &ipv6);
            Path::ip(host, &format!("link set {interface} up"));
        }
    }

    /// Towards the server by default, and to each link nearer to the client by the way back.
    fn route(&self, index: usize) {
        let host = &self.hosts[index];
        let way_back = |link: usize| [format!("10.78.{link}.1"), format!("fd78:{link}::1")];
        let [ipv4, ipv6] = match index == ROUTERS + 1 {
            true => way_back(index),
            false => address(index + 1),
        };
        Path::ip(host, &format!("route add default via {ipv4}"));
        Path::ip(host, &format!("-6 route add default via {ipv6}"));
        for link in 1..index {
            let [ipv4, ipv6] = way_back(index);
            Path::ip(host, &format!("route add 10.78.{link}.0/24 via {ipv4}"));
            let ipv6 = format!("-6 route add fd78:{link}::/64 via {ipv6}");
            Path::ip(host, &ipv6);
        }
    }

    pub fn client(&self) -> &str {
        &self.hosts[0]
    }

    pub fn server(&self) -> &str {
        &self.hosts[ROUTERS + 1]
    }

    /// `bullhorn` on the client.
    pub fn bullhorn(&self) -> Command {
        Path::command(self.client(), bullhorn().get_program())
    }

    /// Runs `bullhorn ping --trace --json` on the client to its end.
    pub fn trace(&self, arguments: &[&str]) -> Ended {
        let mut command = self.bullhorn();
        run(
            command.args(["ping", "--trace", "--json"]).args(arguments),
            b"",
        )
    }

    /// Serves UDP and TCP on port 3000 of every address of the server.
    pub fn serve(&self) -> Served {
        let mut command = Path::command(self.server(), bullhorn().get_program());
        let [ipv4, ipv6] = address(ROUTERS + 1);
        let endpoints = ["udp", "tcp"].map(|scheme| {
            [
                format!("{scheme}://{ipv4}:3000"),
                format!("{scheme}://[{ipv6}]:3000"),
            ]
        });
        let endpoints = endpoints.concat();
        let count = endpoints.len();
        Served::start_command(command.args(["serve", "--json"]).args(endpoints), count)
    }
}

impl Drop for Routers {
    fn drop(&mut self) {
        for host in &self.hosts {
            ip(&format!("netns del {host}"));
        }
    }
}

/// The kernel makes the route to IPv6 groups, and so to neighbours, only some time after the interface
/// is up (net/ipv6/addrconf.c).
fn wait_until_up(host: &str, interface: &str) {
    let begin = Instant::now();
    let group = format!("ff00::/8 dev {interface}");
    while !output(host, "-6 route show table local").contains(&group) {
        assert!(begin.elapsed() < NETWORK_TIMEOUT, "{host} is not up");
    }
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn output(host: &str, arguments: &str) -> String {
    let mut command = Command::new("ip");
    let output = command
        .args(["-n", host])
        .args(arguments.split(' '))
        .output();
    String::from_utf8_lossy(&output.expect("no ip").stdout).into_owned()
}
