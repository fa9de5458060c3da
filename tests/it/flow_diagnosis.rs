//! Why a flow of `ping` has no answers: stale state in a NAT, a dead leg of an ECMP route, a dead
//! backend behind a load balancer, a peer that restarted, an address of our own that is gone, or
//! everything down. Each on a real network of two namespaces, IPv4 and IPv6, UDP and TCP.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::schemas::assert_lines;
use crate::support::{Running, Served, find_program};
use crate::support_netns::{Network, ip_in, nft};

const SCHEMES: [&str; 2] = ["udp", "tcp"];
const FAMILIES: [usize; 2] = [0, 1];

/// The other end's address, its two backends, and what nftables calls the family.
const SERVICE: [&str; 2] = ["10.99.0.2", "fd99::2"];
const BACKENDS: [[&str; 2]; 2] = [["10.99.0.10", "10.99.0.11"], ["fd99::10", "fd99::11"]];
const FAMILY: [&str; 2] = ["ip", "ip6"];

/// `None` where there is no network, with the reason printed.
fn network() -> Option<Network> {
    find_program("nft")?;
    let network = Network::new()?;
    for family in FAMILIES {
        for backend in BACKENDS[family] {
            let prefix = ["/24", "/64 nodad"][family];
            ip_in(
                &network.there,
                &format!("address add {backend}{prefix} dev cable"),
            );
        }
    }
    Some(network)
}

fn serve(network: &Network, hosts: &[&str]) -> Served {
    let mut command = Network::bullhorn(&network.there, &["serve", "--json"]);
    let mut endpoints = 0;
    for scheme in SCHEMES {
        for host in hosts {
            command.arg(format!("{scheme}://{host}:3000"));
            endpoints += if host.is_empty() { 2 } else { 1 };
        }
    }
    Served::start_command(&mut command, endpoints)
}

/// `bullhorn ping --json` and its events.
struct Pinging {
    process: Running,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Pinging {
    /// Probes the address 50 times a second, over one flow.
    fn start(network: &Network, scheme: &str, address: &str) -> Self {
        Self::start_in(&network.here, scheme, address)
    }

    fn start_in(side: &str, scheme: &str, address: &str) -> Self {
        let host = match address.contains(':') {
            true => format!("[{address}]"),
            false => address.to_owned(),
        };
        let endpoint = format!("{scheme}://{host}:3000");
        let arguments = ["ping", "--json", "-i", "20ms", "-W", "300ms", &endpoint];
        let mut command = Network::bullhorn(side, &arguments);
        let mut process = Running::start(command.stdout(Stdio::piped()));
        let stdout = process.child.stdout.take().unwrap();
        let lines = BufReader::new(stdout).lines();
        let seen = Vec::new();
        Self {
            process,
            lines,
            seen,
        }
    }

    /// The next event that is one of these.
    fn next(&mut self, names: &[&str]) -> Value {
        loop {
            let line = self.lines.next().expect("ping ended").unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            self.seen.push(line);
            if names.iter().any(|name| event["event"] == *name) {
                return event;
            }
        }
    }

    fn next_diagnosis(&mut self) -> Value {
        self.next(&[
            "stale_flow",
            "dead_leg",
            "unresponsive",
            "down",
            "local_address_changed",
        ])
    }

    /// Silences one leg after the other until the flow is on the silent one.
    fn silence_its_leg(&mut self, silence: impl Fn(usize)) {
        for _ in 0..3 {
            self.next(&["answer"]);
        }
        for leg in [0, 1] {
            silence(leg);
            // Many answers may wait to be read; the first loss comes within 300 ms.
            for _ in 0..60 {
                if self.next(&["answer", "lost"])["event"] == "lost" {
                    return;
                }
            }
        }
        panic!("the flow is on neither leg");
    }

    /// The diagnoses of the whole run, each held against the schema.
    fn stop(mut self) -> Vec<String> {
        self.process.signal("INT");
        self.next(&["summary"]);
        let events = assert_lines("ping", &self.seen.join("\n"));
        let is_diagnosis = |event: &String| {
            ["stale_flow", "dead_leg", "unresponsive", "down"].contains(&event.as_str())
        };
        events.into_iter().filter(is_diagnosis).collect()
    }
}

/// Runs a test for each family and each type of socket.
fn for_each_kind(test: impl Fn(usize, &str)) {
    for family in FAMILIES {
        for scheme in SCHEMES {
            test(family, scheme);
        }
    }
}

#[test]
fn a_nat_that_keeps_a_flow_at_its_old_destination_is_stale_state() {
    let Some(network) = network() else { return };
    let _served = serve(&network, &[""]);
    for_each_kind(|family, scheme| {
        let (ip, service, [first, second]) = (FAMILY[family], SERVICE[family], BACKENDS[family]);
        let translate = |to: &str, silent: &str| {
            nft(
                &network.there,
                &format!(
                    "flush ruleset
                     table {ip} test {{
                       chain translate {{
                         type nat hook prerouting priority dstnat
                         {ip} daddr {service} {scheme} dport 3000 dnat to {to}
                       }}
                       chain filter {{
                         type filter hook input priority filter
                         {silent}
                       }}
                     }}"
                ),
            );
        };
        translate(first, "");
        let mut pinging = Pinging::start(&network, scheme, service);
        pinging.next(&["answer"]);
        translate(second, &format!("{ip} daddr {first} drop"));
        let event = pinging.next_diagnosis();
        assert_eq!(event["event"], "stale_flow", "{scheme} {service}: {event}");
        assert_eq!([&event["fresh_tried"], &event["fresh_answered"]], [8, 8]);
        assert_eq!(pinging.stop(), ["stale_flow"]);
        nft(&network.there, "flush ruleset");
    });
}

/// A client behind this end, which becomes a router with an ECMP route over two cables: 10.97.0.1 and
/// fd97::1 are the other end's on both.
struct Router {
    client: String,
}

impl Router {
    fn new(network: &Network) -> Self {
        let (here, there) = (network.here.as_str(), network.there.as_str());
        let client = format!("{here}-c");
        let added = Command::new("ip").args(["netns", "add", &client]).status();
        assert!(added.unwrap().success());
        let router = Self { client };
        let client = router.client.as_str();
        ip_in(client, "link set lo up");
        let cables = [
            ("near", 96, [(client, 2), (here, 1)]),
            ("spare", 98, [(here, 1), (there, 2)]),
        ];
        for (cable, network, ends) in cables {
            let [(first, _), (second, _)] = ends;
            let peer = format!("peer name {cable} netns {second}");
            ip_in(first, &format!("link add {cable} type veth {peer}"));
            for (side, host) in ends {
                let ipv4 = format!("10.{network}.0.{host}/24");
                let ipv6 = format!("fd{network}::{host}/64");
                ip_in(side, &format!("address add {ipv4} dev {cable}"));
                ip_in(side, &format!("address add {ipv6} dev {cable} nodad"));
                ip_in(side, &format!("link set {cable} up"));
            }
        }
        let mut sysctl = Network::command(here, "sysctl");
        sysctl.args([
            "-qw",
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
        ]);
        // By addresses and ports.
        sysctl.arg("net.ipv4.fib_multipath_hash_policy=1");
        sysctl.arg("net.ipv6.fib_multipath_hash_policy=1");
        assert!(sysctl.status().unwrap().success());
        // Over a virtual cable the router hashes by the hash of the sending socket, which TCP changes
        // after a timeout. Hardware does not see that hash.
        let mut sysctl = Network::command(client, "sysctl");
        let status = sysctl.args(["-qw", "net.core.txrehash=0"]).status();
        assert!(status.unwrap().success());
        ip_in(client, "route add default via 10.96.0.1");
        ip_in(client, "-6 route add default via fd96::1");
        let legs = "nexthop via 10.99.0.2 nexthop via 10.98.0.2";
        ip_in(here, &format!("route add 10.97.0.1 {legs}"));
        let legs = "nexthop via fd99::2 nexthop via fd98::2";
        ip_in(here, &format!("-6 route add fd97::1 {legs}"));
        ip_in(there, "address add 10.97.0.1/32 dev lo");
        ip_in(there, "address add fd97::1/128 dev lo");
        ip_in(there, "route add 10.96.0.0/24 via 10.99.0.1");
        ip_in(there, "-6 route add fd96::/64 via fd99::1");
        router
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let command = &mut Command::new("ip");
        let _ = command.args(["netns", "del", &self.client]).status();
    }
}

#[test]
fn a_dead_leg_of_an_ecmp_route_is_told_by_the_number_of_ports_that_get_through() {
    let Some(network) = network() else { return };
    let _served = serve(&network, &[""]);
    let router = Router::new(&network);
    let there = network.there.as_str();
    for_each_kind(|family, scheme| {
        let mut pinging =
            Pinging::start_in(&router.client, scheme, ["10.97.0.1", "fd97::1"][family]);
        pinging.silence_its_leg(|leg| {
            nft(
                there,
                &format!(
                    "flush ruleset
                     table inet test {{
                       chain rules {{
                         type filter hook prerouting priority raw
                         iifname {} {scheme} dport 3000 drop
                       }}
                     }}",
                    ["cable", "spare"][leg]
                ),
            );
        });
        let mut event = pinging.next_diagnosis();
        if event["event"] == "down" {
            // By chance: one round in 256.
            event = pinging.next_diagnosis();
        }
        // By chance, too, all of them may be alive.
        let expected = match event["fresh_answered"].as_u64() {
            Some(8) => "stale_flow",
            _ => "dead_leg",
        };
        assert_eq!(event["event"], expected, "{scheme}: {event}");
        pinging.stop();
        nft(there, "flush ruleset");
    });
}

/// nginx's stream module in front of both backends, in turn, without any idea of their health.
fn balance(network: &Network, directory: &std::path::Path) -> Option<Running> {
    let nginx = find_program("nginx")?;
    let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
    if !std::path::Path::new(module).is_file() {
        crate::support::skipped("nginx has no stream module here");
        return None;
    }
    let mut servers = String::new();
    for (family, [first, second]) in [["10.99.0.10", "10.99.0.11"], ["[fd99::10]", "[fd99::11]"]]
        .into_iter()
        .enumerate()
    {
        let service = ["10.99.0.2", "[fd99::2]"][family];
        for scheme in SCHEMES {
            let udp = if scheme == "udp" { "udp" } else { "" };
            servers.push_str(&format!(
                "upstream {scheme}{family} {{
                   server {first}:3000 max_fails=0;
                   server {second}:3000 max_fails=0;
                 }}
                 server {{
                   listen {service}:3000 {udp};
                   proxy_pass {scheme}{family};
                   proxy_next_upstream off;
                 }}\n"
            ));
        }
    }
    let text = format!(
        "load_module {module};
         daemon off; master_process off; pid {0}/pid; error_log {0}/log;
         events {{}}
         stream {{ {servers} }}",
        directory.display()
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Network::command(&network.there, nginx);
    command.arg("-e").arg(directory.join("log"));
    Some(Running::start(command.arg("-c").arg(file)))
}

#[test]
fn a_dead_backend_of_a_load_balancer_is_told_by_the_number_of_ports_that_get_through() {
    let Some(network) = network() else { return };
    let _served = serve(
        &network,
        &["10.99.0.10", "10.99.0.11", "[fd99::10]", "[fd99::11]"],
    );
    let directory = tempfile::tempdir().unwrap();
    let Some(_nginx) = balance(&network, directory.path()) else {
        return;
    };
    for_each_kind(|family, scheme| {
        let mut pinging = Pinging::start(&network, scheme, SERVICE[family]);
        pinging.silence_its_leg(|leg| {
            nft(
                &network.there,
                &format!(
                    "flush ruleset
                     table inet test {{
                       chain rules {{
                         type filter hook input priority filter
                         {} daddr {} drop
                       }}
                     }}",
                    FAMILY[family], BACKENDS[family][leg]
                ),
            );
        });
        let event = pinging.next_diagnosis();
        assert_eq!(event["event"], "dead_leg", "{scheme}: {event}");
        assert_eq!([&event["fresh_tried"], &event["fresh_answered"]], [8, 4]);
        assert_eq!(pinging.stop(), ["dead_leg"]);
        nft(&network.there, "flush ruleset");
    });
}

#[test]
fn an_endpoint_that_is_down_is_called_down_once() {
    let Some(network) = network() else { return };
    let served = serve(&network, &[""]);
    for_each_kind(|family, scheme| {
        let mut pinging = Pinging::start(&network, scheme, SERVICE[family]);
        pinging.next(&["answer"]);
        served.process.signal("STOP");
        let event = pinging.next_diagnosis();
        assert_eq!(event["event"], "down", "{scheme}: {event}");
        assert_eq!([&event["fresh_tried"], &event["fresh_answered"]], [8, 0]);
        served.process.signal("CONT");
        pinging.next(&["outage_end"]);
        assert_eq!(pinging.stop(), ["down"]);
    });
}

/// The kernel waits longer before each retransmission, so that after an outage new connections are
/// answered while the old one is still silent.
#[test]
fn a_peer_that_restarted_in_silence_is_not_stale_state() {
    let Some(network) = network() else { return };
    for family in FAMILIES {
        let served = serve(&network, &[""]);
        let mut pinging = Pinging::start(&network, "tcp", SERVICE[family]);
        pinging.next(&["answer"]);
        nft(
            &network.there,
            "flush ruleset
             table inet test {
               chain arriving {
                 type filter hook prerouting priority raw
                 tcp dport 3000 drop
               }
               chain leaving {
                 type filter hook output priority raw
                 tcp sport 3000 drop
               }
             }",
        );
        let event = pinging.next_diagnosis();
        assert_eq!(event["event"], "down", "{event}");
        drop(served);
        let _served = serve(&network, &[""]);
        // Another two seconds at least, so that the next retransmission is far away.
        for _ in 0..150 {
            pinging.next(&["lost"]);
        }
        nft(&network.there, "flush ruleset");
        pinging.next(&["outage_end"]);
        assert_eq!(pinging.stop(), ["down"]);
    }
}

#[test]
fn a_flow_whose_own_address_is_gone_continues_from_another() {
    let Some(network) = network() else { return };
    let _served = serve(&network, &[""]);
    for_each_kind(|family, scheme| {
        let mut pinging = Pinging::start(&network, scheme, SERVICE[family]);
        let begin = pinging.next(&["begin"]);
        let source: std::net::SocketAddr = begin["sources"][0].as_str().unwrap().parse().unwrap();
        let (old, prefix) = (source.ip().to_string(), ["24", "64"][family]);
        let new = match (scheme, family) {
            ("udp", 0) => "10.99.0.6",
            ("udp", _) => "fd99::6",
            (_, 0) => "10.99.0.7",
            _ => "fd99::7",
        };
        pinging.next(&["answer"]);
        ip_in(
            &network.here,
            &format!("address del {old}/{prefix} dev cable"),
        );
        let nodad = ["", " nodad"][family];
        ip_in(
            &network.here,
            &format!("address add {new}/{prefix} dev cable{nodad}"),
        );
        let event = pinging.next_diagnosis();
        assert_eq!(event["event"], "local_address_changed", "{scheme}: {event}");
        assert_eq!([&event["from"], &event["to"]], [&old, new]);
        pinging.next(&["answer"]);
        assert_eq!(pinging.stop(), [""; 0]);
    });
}
