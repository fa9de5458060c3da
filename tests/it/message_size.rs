//! Paths that lose large messages and pass small ones, made with nftables between two namespaces:
//! `ping` says up to which size messages get through.

use serde_json::Value;

use crate::support::{Served, find_program, run};
use crate::support_netns::{Network, THERE};

/// A network in which this rule drops what the server's side receives. `None`, with a line that says
/// why, where this is not possible.
fn network_that_drops(rule: &str) -> Option<Network> {
    let network = Network::new()?;
    find_program("nft")?;
    // Before fragments are put together again.
    let table = format!(
        "table inet path {{ chain drops {{ type filter hook prerouting priority -450\n {rule} drop\n }}\n}}\n"
    );
    let ended = run(
        Network::command(&network.there, "nft").args(["-f", "-"]),
        table.as_bytes(),
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    Some(network)
}

/// The events of a `ping` with messages of this size, and its text.
fn ping(network: &Network, endpoint: &str, size: &str) -> Vec<Value> {
    let arguments = ["ping", "--json", endpoint, "-s", size, "-i", "50ms"];
    let bounds = ["-W", "300ms", "-c", "40"];
    let arguments = [&arguments[..], &bounds].concat();
    let ended = run(&mut Network::bullhorn(&network.here, &arguments), b"");
    crate::schemas::assert_lines("ping", &ended.text());
    let text = ended.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

fn serve(network: &Network) -> Served {
    let arguments = [
        "serve",
        "--json",
        "udp://0.0.0.0:3000",
        "udp://[::]:3001",
        "tcp://0.0.0.0:3000",
    ];
    Served::start_command(&mut Network::bullhorn(&network.there, &arguments), 3)
}

fn limit(events: &[Value]) -> Option<[u64; 2]> {
    let mut limits = events.iter().filter(|event| event["event"] == "size_limit");
    let limit = limits.next()?;
    assert!(limits.next().is_none(), "an outage is explained once");
    Some(["passed_bytes", "lost_bytes"].map(|key| limit[key].as_u64().unwrap()))
}

fn endpoints() -> [(String, &'static str); 3] {
    [
        (format!("udp://{THERE}:3000"), "IPv4"),
        ("udp://[fd99::2]:3001".to_owned(), "IPv6"),
        (format!("tcp://{THERE}:3000"), "TCP"),
    ]
}

#[test]
fn messages_that_are_too_large_for_the_path_are_told_from_an_outage() {
    let Some(network) = network_that_drops("meta length > 1000") else {
        return;
    };
    let _served = serve(&network);
    for (endpoint, name) in endpoints() {
        let events = ping(&network, &endpoint, "1400");
        assert_eq!(limit(&events), Some([508, 1232]), "{name}");
        let summary = events.last().unwrap();
        assert!(summary["sizes_answered"].as_u64() >= Some(2), "{summary}");
        let small = ping(&network, &endpoint, "400");
        assert_eq!(small.last().unwrap()["lost"], 0, "{name}");
    }
    let arguments = ["ping", &endpoints()[0].0, "-s", "1400", "-i", "50ms"];
    let arguments = [&arguments[..], &["-W", "300ms", "-c", "40"]].concat();
    let text = run(&mut Network::bullhorn(&network.here, &arguments), b"").text();
    let words = "only messages above 508 bytes are lost (508 get through, 1232 do not): \
                 MTU or fragments";
    assert_eq!(text.matches(words).count(), 1, "{text}");
}

#[test]
fn a_path_that_drops_fragments_passes_what_fits_one_packet() {
    for (rule, index, passed, lost) in [
        ("ip frag-off & 0x1fff != 0", 0, 1472, 4000),
        ("exthdr frag exists", 1, 1452, 1472),
    ] {
        let Some(network) = network_that_drops(rule) else {
            return;
        };
        let _served = serve(&network);
        let events = ping(&network, &endpoints()[index].0, "4000");
        assert_eq!(limit(&events), Some([passed, lost]), "{rule}");
    }
}

#[test]
fn an_outage_of_every_size_is_no_matter_of_size() {
    let Some(network) = network_that_drops("meta l4proto { tcp, udp }") else {
        return;
    };
    let _served = serve(&network);
    for (endpoint, name) in endpoints() {
        let events = ping(&network, &endpoint, "1400");
        assert_eq!(limit(&events), None, "{name}");
        assert_eq!(events.last().unwrap()["ok"], 0, "{name}");
    }
}
