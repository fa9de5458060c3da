//! A path that a test makes for itself: a client, a router and a server, each in a network namespace,
//! with nftables on any of them. It needs root; without it a test says "skipped".

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Ended, Served, bullhorn, clean, find_program, own, run, skipped};

/// More than any network takes to come up.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(30);

/// The addresses of the path, `[IPv4, IPv6]`.
pub const CLIENT: [&str; 2] = ["10.77.0.2", "fd77::2"];
/// The router's, towards the client.
pub const ROUTER: [&str; 2] = ["10.77.0.1", "fd77::1"];
/// The router's, towards the server.
pub const FAR_ROUTER: [&str; 2] = ["10.77.1.1", "fd77:1::1"];
pub const SERVER: [&str; 2] = ["10.77.1.2", "fd77:1::2"];

/// So that a test sees every ICMP error that it causes, and addresses can be used at once.
const OF_ALL: [&str; 3] = [
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv6.icmp.ratelimit=0",
    "net.ipv6.conf.default.accept_dad=0",
];
const FORWARDING: [&str; 2] = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];

/// Client, router and server, joined by two cables: `near` and `far`.
pub struct Path {
    pub client: String,
    pub router: String,
    pub server: String,
}

impl Path {
    /// `None` where this cannot be made, with the reason printed.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        find_program("ip")?;
        find_program("nft")?;
        let name = own(&format!("bp{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let path = Self {
            client: format!("{name}-c"),
            router: format!("{name}-r"),
            server: format!("{name}-s"),
        };
        for host in [&path.client, &path.router, &path.server] {
            if !ip(&format!("netns add {host}")) {
                skipped("a network namespace needs the privilege CAP_SYS_ADMIN");
                return None;
            }
            assert!(ip(&format!("-n {host} link set lo up")));
            Self::set(host, &OF_ALL);
        }
        Self::set(&path.router, &FORWARDING);
        path.join(&path.client, "near", CLIENT, ROUTER);
        path.join(&path.server, "far", SERVER, FAR_ROUTER);
        for (host, [ipv4, ipv6]) in [(&path.client, ROUTER), (&path.server, FAR_ROUTER)] {
            Self::ip(host, &format!("route add default via {ipv4}"));
            Self::ip(host, &format!("-6 route add default via {ipv6}"));
        }
        Some(path)
    }

    /// A cable between a host and the router, named on both ends, with both addresses.
    fn join(&self, host: &str, cable: &str, of_host: [&str; 2], of_router: [&str; 2]) {
        let router = &self.router;
        let veth = format!("link add {cable} type veth peer name {cable} netns {router}");
        Self::ip(host, &veth);
        for (namespace, [ipv4, ipv6]) in [(host, of_host), (router.as_str(), of_router)] {
            Self::ip(namespace, &format!("address add {ipv4}/24 dev {cable}"));
            let ipv6 = format!("address add {ipv6}/64 dev {cable} nodad");
            Self::ip(namespace, &ipv6);
            Self::ip(namespace, &format!("link set {cable} up"));
        }
        let begin = Instant::now();
        while !output(&format!("-n {host} -6 route")).contains(&format!("dev {cable}")) {
            assert!(begin.elapsed() < NETWORK_TIMEOUT, "{cable} is not up");
        }
    }

    fn set(host: &str, sysctls: &[&str]) {
        let mut command = Self::command(host, "sysctl");
        let status = command.arg("-qw").args(sysctls).status();
        assert!(status.expect("no sysctl").success());
    }

    /// A program on one of the hosts.
    pub fn command(host: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = clean(Command::new("ip"));
        command.args(["netns", "exec", host]).arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// Runs `bullhorn` on the client to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Self::command(&self.client, bullhorn().get_program());
        run(command.args(arguments), b"")
    }

    /// Serves UDP and TCP on port 3000 of the server, IPv4 and IPv6.
    pub fn serve(&self) -> Served {
        let mut command = Self::command(&self.server, bullhorn().get_program());
        let endpoints = ["udp", "tcp"]
            .into_iter()
            .flat_map(|scheme| endpoints_of(scheme, SERVER));
        let endpoints: Vec<_> = endpoints.map(|(endpoint, _)| endpoint).collect();
        Served::start_command(
            command.args(["serve", "--json"]).args(&endpoints),
            endpoints.len(),
        )
    }

    /// Runs `ip` with these arguments on one of the hosts.
    pub fn ip(host: &str, arguments: &str) {
        assert!(ip(&format!("-n {host} {arguments}")), "ip {arguments}");
    }

    /// Replaces the firewall of a host by a chain with this hook (`input`, `forward`, `output`) and
    /// these rules.
    pub fn firewall(host: &str, hook: &str, rules: &[&str]) {
        let rules = rules.join("\n");
        let ruleset = format!(
            "flush ruleset\ntable inet test {{\nchain rules {{\n\
             type filter hook {hook} priority 0;\n{rules}\n}}\n}}\n"
        );
        let mut command = Self::command(host, "nft");
        let child = command.args(["-f", "-"]).stdin(Stdio::piped()).spawn();
        let mut child = child.expect("no nft");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(ruleset.as_bytes()).expect("cannot write");
        drop(stdin);
        assert!(child.wait().expect("cannot wait").success(), "{ruleset}");
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        for host in [&self.client, &self.router, &self.server] {
            ip(&format!("netns del {host}"));
        }
    }
}

/// Port 3000 of an address in both families, each with the index of its family.
pub fn endpoints_of(scheme: &str, [ipv4, ipv6]: [&str; 2]) -> [(String, usize); 2] {
    [
        (format!("{scheme}://{ipv4}:3000"), 0),
        (format!("{scheme}://[{ipv6}]:3000"), 1),
    ]
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn output(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    String::from_utf8_lossy(&output.expect("no ip").stdout).into_owned()
}
