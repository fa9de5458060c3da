//! `--source`, `--interface`, `--dscp` and `--ttl` as the other end of a cable sees them: nftables
//! counts there what arrives with and without them. IPv4 and IPv6, UDP and TCP, every client.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ended, Running, Served, find_program, run, run_bullhorn};
use crate::support_netns::{Network, ip_in as ip, nft};

/// A further address of this end.
const SOURCES: [&str; 2] = ["10.99.0.5", "fd99::5"];

/// What each client sends to an endpoint, with arguments that make it brief.
const VERBS: [&[&str]; 3] = [
    &["send", "hello"],
    &["ping", "-c", "3", "-i", "1ms"],
    &[
        "bench",
        "--flows",
        "1",
        "--count",
        "20",
        "--warmup",
        "off",
        "--timeout",
        "20s",
    ],
];

/// `None` where there is no network, with the reason printed.
fn network() -> Option<(Network, Served)> {
    find_program("nft")?;
    let network = Network::new()?;
    for address in ["10.99.0.5/24", "fd99::5/64 nodad"] {
        ip(&network.here, &format!("address add {address} dev cable"));
    }
    let endpoints = ["udp://:3000", "tcp://:3000"];
    let mut command = Network::bullhorn(&network.there, &["serve", "--json"]);
    let served = Served::start_command(command.args(endpoints), 4);
    Some((network, served))
}

/// The endpoints of the other end over UDP and TCP, with the index of their family.
fn endpoints(addresses: [&str; 2]) -> [(String, usize); 4] {
    let [ipv4, ipv6] = addresses;
    [
        (format!("udp://{ipv4}:3000"), 0),
        (format!("udp://[{ipv6}]:3000"), 1),
        (format!("tcp://{ipv4}:3000"), 0),
        (format!("tcp://[{ipv6}]:3000"), 1),
    ]
}

const THERE: [&str; 2] = ["10.99.0.2", "fd99::2"];

/// Runs a client here and asserts that it succeeds, and that each datagram, SYN and line that arrives
/// there matches `rule`. The rest of a connection may be sent by the kernel alone (TIME_WAIT).
fn assert_arrives_with(network: &Network, arguments: &[&str], rule: &str) -> Ended {
    let ruleset = format!(
        "flush ruleset
         table inet test {{
           counter arrived {{}}
           counter matching {{}}
           chain rules {{
             type filter hook prerouting priority raw
             udp dport 3000 counter name arrived
             udp dport 3000 {rule} counter name matching
             tcp dport 3000 tcp flags & (syn | psh) != 0 counter name arrived
             tcp dport 3000 tcp flags & (syn | psh) != 0 {rule} counter name matching
           }}
         }}"
    );
    nft(&network.there, &ruleset);
    let ended = run(&mut Network::bullhorn(&network.here, arguments), b"");
    assert_eq!(
        ended.code,
        0,
        "{arguments:?}: {}{}",
        ended.text(),
        ended.stderr
    );
    let [arrived, matching] = ["arrived", "matching"].map(|name| packets(&network.there, name));
    assert!(
        arrived > 0 && matching == arrived,
        "{arguments:?}: {matching} of {arrived}"
    );
    ended
}

fn packets(side: &str, counter: &str) -> u64 {
    let mut command = Network::command(side, "nft");
    let output = command
        .args(["-j", "list", "counter", "inet", "test", counter])
        .output();
    let list: Value = serde_json::from_slice(&output.unwrap().stdout).expect("no JSON");
    list["nftables"][1]["counter"]["packets"]
        .as_u64()
        .expect("no counter")
}

#[test]
fn every_packet_has_the_dscp_and_the_ttl() {
    let Some((network, _served)) = network() else {
        return;
    };
    for verb in VERBS {
        for (endpoint, family) in &endpoints(THERE) {
            let rule = ["ip dscp ef ip ttl 7", "ip6 dscp ef ip6 hoplimit 7"][*family];
            let (verb, rest) = verb.split_first().unwrap();
            let mut arguments = vec![*verb, endpoint, "--dscp", "EF", "--ttl", "7"];
            arguments.extend(rest);
            assert_arrives_with(&network, &arguments, rule);
        }
    }
}

#[test]
fn every_packet_has_the_source_and_its_port() {
    let Some((network, _served)) = network() else {
        return;
    };
    let mut port = 4000;
    for verb in VERBS {
        for (endpoint, family) in &endpoints(THERE) {
            // An earlier connection may be in TIME_WAIT.
            port += 1;
            let address = SOURCES[*family];
            let source = [format!("{address}:{port}"), format!("[{address}]:{port}")];
            let source = source[*family].as_str();
            let (saddr, (verb, rest)) = (["ip", "ip6"][*family], verb.split_first().unwrap());
            let mut arguments = vec![*verb, endpoint, "--source", source];
            arguments.extend(rest);
            let rule = format!("{saddr} saddr {address} th sport {port}");
            assert_arrives_with(&network, &arguments, &rule);
            arguments[3] = address;
            assert_arrives_with(&network, &arguments, &format!("{saddr} saddr {address}"));
        }
    }
}

#[test]
fn many_texts_go_from_one_source_port_each_with_its_own_answer() {
    let Some((network, _served)) = network() else {
        return;
    };
    for (endpoint, _) in endpoints(THERE).iter().step_by(2) {
        let mut command = Network::bullhorn(&network.here, &["send", endpoint]);
        let texts: Vec<String> = (0..200).map(|number| format!("text {number}\n")).collect();
        let ended = run(
            command.args(["--source", "10.99.0.5:4000"]),
            texts.concat().as_bytes(),
        );
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.text(), texts.concat().to_uppercase());
    }
}

#[test]
fn every_packet_goes_through_the_interface_without_privileges() {
    let Some((network, _served)) = network() else {
        return;
    };
    let Some(_) = find_program("setpriv") else {
        return;
    };
    let (here, there) = (network.here.as_str(), network.there.as_str());
    ip(
        here,
        &format!("link add spare type veth peer name spare netns {there}"),
    );
    for (side, ipv4, ipv6) in [
        (here, "10.98.0.1/24", "fd98::1/64"),
        (there, "10.98.0.2/24", "fd98::2/64"),
    ] {
        ip(side, &format!("address add {ipv4} dev spare"));
        ip(side, &format!("address add {ipv6} dev spare nodad"));
        ip(side, "link set spare up");
    }
    ip(there, "address add 10.97.0.1/32 dev lo");
    ip(there, "address add fd97::1/128 dev lo");
    for (cable, metric) in [("cable", 10), ("spare", 20)] {
        let number = if cable == "cable" { 99 } else { 98 };
        let route = format!("dev {cable} metric {metric}");
        ip(
            here,
            &format!("route add 10.97.0.1 via 10.{number}.0.2 {route}"),
        );
        ip(
            here,
            &format!("-6 route add fd97::1 via fd{number}::2 {route}"),
        );
    }
    for verb in VERBS {
        for (endpoint, _) in &endpoints(["10.97.0.1", "fd97::1"]) {
            let (verb, rest) = verb.split_first().unwrap();
            let mut arguments = vec![*verb, endpoint];
            arguments.extend(rest);
            assert_arrives_with(&network, &arguments, "iifname cable");
            arguments.extend(["--interface", "spare"]);
            assert_arrives_with(&network, &arguments, "iifname spare");
        }
    }
    let program = crate::support::program();
    let mut command = Network::command(here, "setpriv");
    command
        .args(["--bounding-set", "-all", "--inh-caps", "-all"])
        .arg(program);
    let ended = run(
        command.args(["send", "udp://10.97.0.1:3000", "--interface", "spare", "a"]),
        b"",
    );
    assert_eq!(
        (ended.code, ended.text().as_str()),
        (0, "A\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn each_flow_shows_the_address_and_port_that_it_sends_from() {
    let Some((network, _served)) = network() else {
        return;
    };
    for (endpoint, family) in &endpoints(THERE) {
        let arguments = ["ping", endpoint, "-c", "6", "-i", "1ms", "--flows", "3"];
        let ended = run(
            Network::bullhorn(&network.here, &arguments).arg("--json"),
            b"",
        );
        let summary = ended.summary();
        let flows = summary["flows"].as_array().unwrap();
        let sources: Vec<&str> = flows
            .iter()
            .map(|flow| flow["source"].as_str().unwrap())
            .collect();
        let address = ["10.99.0.", "[fd99::"][*family];
        assert!(
            sources.iter().all(|source| source.starts_with(address)),
            "{summary}"
        );
        assert!(
            sources[0] != sources[1] && sources[1] != sources[2],
            "{summary}"
        );
        let text = ended.text();
        let begin: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(begin["sources"], serde_json::json!(sources));
        assert_eq!(begin["given"], endpoint.as_str());

        let ended = run(&mut Network::bullhorn(&network.here, &arguments), b"");
        let rows = ended.text();
        let rows = rows
            .lines()
            .filter(|line| line.contains(&format!(" {address}")));
        assert_eq!(rows.count(), 3, "{}", ended.text());
    }
    let ended = run(
        &mut Network::bullhorn(&network.here, &["send", "-v", "udp://10.99.0.2:3000", "a"]),
        b"",
    );
    let words = "connected to udp://10.99.0.2:3000 from 10.99.0.";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_sent_from_is_one_line_with_the_way_out() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for endpoint in &served.endpoints {
        let refused = |arguments: &[&str], code: i32, words: &str| {
            let ended = run_bullhorn([&["send", endpoint, "a"], arguments].concat());
            assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        };
        refused(
            &["--source", "192.0.2.1"],
            7,
            "cannot send from 192.0.2.1: it is not an address of this machine",
        );
        refused(
            &["--interface", "nowhere"],
            7,
            "cannot send from interface nowhere: there is no network interface",
        );
        refused(
            &["--interface", "a-name-that-is-too-long"],
            7,
            "there is no network interface",
        );
        refused(
            &["--source", "::1"],
            2,
            "has no IPv6 address, and the source ::1 is one; change --source",
        );
        refused(&["--source", "localhost"], 2, "must be an address");
        refused(&["--dscp", "64"], 2, "must be from 0 to 63");
        refused(&["--ttl", "0"], 2, "must be from 1 to 255");
    }
    let udp = served.endpoint();
    for verb in ["ping", "bench"] {
        let ended = run_bullhorn([verb, udp, "--flows", "2", "--source", "127.0.0.1:4000"]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        let words = "a source port is for one flow, and there are 2; change --flows or --source";
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    for verb in ["send", "ping", "bench"] {
        for option in [
            ["--source", "::1"],
            ["--interface", "lo"],
            ["--dscp", "1"],
            ["--ttl", "1"],
        ] {
            let arguments = [&[verb, "unix:@bullhorn-test-none"][..], &option].concat();
            let ended = run_bullhorn(arguments);
            assert_eq!(ended.code, 2, "{verb} {option:?}: {}", ended.stderr);
            assert!(
                ended.stderr.contains("is a Unix socket"),
                "{}",
                ended.stderr
            );
        }
    }
}

/// A file that is /etc/hosts to programs in a namespace (ip-netns(8)), gone at the end.
struct Hosts {
    directory: std::path::PathBuf,
}

impl Hosts {
    fn new(side: &str, text: &str) -> Self {
        let directory = std::path::Path::new("/etc/netns").join(side);
        std::fs::create_dir_all(&directory).unwrap();
        let hosts = Self { directory };
        hosts.write(text);
        hosts
    }

    /// Keeps the file, which running programs see.
    fn write(&self, text: &str) {
        std::fs::write(self.directory.join("hosts"), text).unwrap();
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_name_that_moves_during_an_outage_is_followed() {
    let Some((network, _served)) = network() else {
        return;
    };
    let moves = [("10.99.0.2", "10.99.0.3", 24), ("fd99::2", "fd99::3", 64)];
    for (family, (from, to, prefix)) in moves.into_iter().enumerate() {
        ip(
            &network.there,
            &format!(
                "address add {to}/{prefix} dev cable{}",
                ["", " nodad"][family]
            ),
        );
        for scheme in ["udp", "tcp"] {
            let hosts = Hosts::new(&network.here, &format!("{from} moving.test\n"));
            let endpoint = format!("{scheme}://moving.test:3000");
            let arguments = [
                "ping", &endpoint, "--json", "-i", "20ms", "-W", "200ms", "--flows", "2",
            ];
            let mut command = Network::bullhorn(&network.here, &arguments);
            let mut pinging = Running::start(command.stdout(Stdio::piped()));
            let stdout = pinging.child.stdout.take().unwrap();
            let mut events = BufReader::new(stdout)
                .lines()
                .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
            let mut next = |name: &str| events.find(|event| event["event"] == name).unwrap();
            assert_eq!(next("begin")["given"], endpoint.as_str());
            next("answer");
            hosts.write(&format!("{to} moving.test\n"));
            let silent = format!(
                "flush ruleset
                 table inet test {{
                   chain rules {{
                     type filter hook prerouting priority raw
                     {} daddr {from} drop
                   }}
                 }}",
                ["ip", "ip6"][family]
            );
            nft(&network.there, &silent);
            let event = next("address_changed");
            let address = |address: &str| match family {
                0 => format!("{scheme}://{address}:3000"),
                _ => format!("{scheme}://[{address}]:3000"),
            };
            assert_eq!(event["given"], endpoint.as_str());
            assert_eq!(
                [&event["from"], &event["to"]],
                [&address(from), &address(to)]
            );
            next("outage_end");
            pinging.signal("INT");
            let summary = next("summary");
            assert_eq!(summary["endpoint"], address(to));
            assert_eq!(summary["given"], endpoint.as_str());
            assert_eq!(pinging.wait().code(), Some(1));
            nft(&network.there, "flush ruleset");
        }
    }
}
