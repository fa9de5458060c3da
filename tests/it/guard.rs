//! The loop guard: endless exchanges end, datagrams that can only be spoofed are dropped, and
//! capitals in normal use are answered.

use std::collections::HashMap;
use std::net::{SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use crate::support::{
    Running, Served, TEST_TIMEOUT, Totals, find_program, own, run, run_bullhorn, wait_until,
};
use crate::support_netns::{HERE, Network, RawSender, THERE, in_own_network};

fn address(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

fn dropped_by(totals: &Totals, cause: &str) -> u64 {
    let endpoints = totals.summary["endpoints"].as_array().unwrap();
    endpoints
        .iter()
        .map(|endpoint| endpoint["dropped_by"][cause].as_u64().unwrap())
        .sum()
}

fn received(totals: &Totals) -> u64 {
    totals.summary["received"].as_u64().unwrap()
}

/// Serves in a namespace, where only the loop guard stops endless exchanges.
fn serve(side: &str, endpoint: &str, options: &[&str]) -> Served {
    let arguments = ["serve", "--json", endpoint, "--rate-limit", "off"];
    let arguments = [&arguments[..], options].concat();
    Served::start_command(&mut Network::bullhorn(side, &arguments), 1)
}

/// A program in the other namespace that sends every datagram back as it is.
fn echo(side: &str, port: u16) -> Running {
    let script = format!(
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.bind(('{THERE}', {port}))\n\
         print('ready', flush=True)\n\
         while True:\n    s.sendto(*s.recvfrom(65536))\n"
    );
    let mut command = Network::command(side, "python3");
    command
        .args(["-c", &script])
        .stdout(std::process::Stdio::piped());
    let mut running = Running::start(&mut command);
    let stdout = running.child.stdout.take().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    assert_eq!(line, "ready\n");
    running
}

/// Waits until no datagram has come for a while, and fails after so many that the exchange seems
/// endless.
fn wait_for_silence(side: &str) {
    const ENDLESS: u64 = 100_000;
    let (mut last, mut since) = (Network::datagrams(side), Instant::now());
    wait_until("the exchange to end", || {
        let now = Network::datagrams(side);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        now > ENDLESS || since.elapsed() > Duration::from_secs(1)
    });
}

/// A capital text from one server's address to the other server.
fn spoofed(text: impl Into<String>) -> (SocketAddrV4, SocketAddrV4, String) {
    let (from, to) = (format!("{THERE}:3000"), format!("{HERE}:3000"));
    (address(&from), address(&to), text.into())
}

#[test]
fn two_servers_end_an_exchange_that_a_spoofed_datagram_started() {
    let (Some(network), Some(_)) = (Network::new(), find_program("python3")) else {
        return;
    };
    for endpoint_host in ["", "10.99.0."] {
        let endpoint = |number| match endpoint_host {
            "" => "udp://0.0.0.0:3000".to_owned(),
            host => format!("udp://{host}{number}:3000"),
        };
        let here = serve(&network.here, &endpoint(1), &[]);
        let there = serve(&network.there, &endpoint(2), &[]);
        Network::spoof(&network.there, &[spoofed("round and round")]);
        wait_for_silence(&network.here);
        let (here, there) = (here.stop(), there.stop());
        let all = received(&here) + received(&there);
        assert!((2..=100).contains(&all), "{here:?} {there:?}");
        let ended = dropped_by(&here, "loop_suspected") + dropped_by(&there, "loop_suspected");
        assert_eq!(ended, 1, "{here:?} {there:?}");
    }
}

#[test]
fn without_the_guard_the_exchange_goes_on_until_a_server_stops() {
    let (Some(network), Some(_)) = (Network::new(), find_program("python3")) else {
        return;
    };
    let here = serve(
        &network.here,
        "udp://0.0.0.0:3000",
        &["--loop-guard", "off"],
    );
    let there = serve(
        &network.there,
        "udp://0.0.0.0:3000",
        &["--loop-guard", "off"],
    );
    Network::spoof(&network.there, &[spoofed("ROUND AND ROUND")]);
    wait_until("an endless exchange", || {
        Network::datagrams(&network.here) > 3000
    });
    let there = there.stop();
    let here = here.stop();
    assert!(received(&here) > 3000, "{here:?} {there:?}");
}

#[test]
fn an_exchange_with_an_echo_server_ends() {
    let (Some(network), Some(_)) = (Network::new(), find_program("python3")) else {
        return;
    };
    let here = serve(&network.here, "udp://0.0.0.0:3000", &[]);
    let _echo = echo(&network.there, 3000);
    Network::spoof(&network.there, &[spoofed("wie groß?")]);
    wait_for_silence(&network.here);
    let here = here.stop();
    assert!((2..=50).contains(&received(&here)), "{here:?}");
    assert_eq!(dropped_by(&here, "loop_suspected"), 1, "{here:?}");
}

/// What many people write first: whatever comes is sent back.
#[test]
fn a_client_that_sends_back_what_it_receives_is_helped_by_the_log() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", served.port(0))).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut ball = b"ping".to_vec();
    let mut rounds = 0;
    loop {
        client.send(&ball).unwrap();
        let mut buffer = [0; 64];
        let Ok(length) = client.recv(&mut buffer) else {
            break;
        };
        ball = buffer[..length].to_vec();
        rounds += 1;
    }
    // The first text was not in capitals.
    assert_eq!(rounds, 1 + 8);
    let totals = served.stop();
    assert_eq!(dropped_by(&totals, "loop_suspected"), 1);
    let line = totals.stderr.lines().find(|line| line.contains("dropped"));
    let line = line.unwrap_or_default();
    for words in [
        "dropped 1 datagram (loop_suspected), last from udp://127.0.0.1:",
        "the same text, already in capitals, came more than twice a second",
        "vary the text, or serve with --loop-guard off",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
}

#[test]
fn a_thousand_spoofed_texts_at_once_all_stop_circulating() {
    let (Some(network), Some(_)) = (Network::new(), find_program("python3")) else {
        return;
    };
    // The log shows how often each text circulated.
    let here = serve(&network.here, "udp://0.0.0.0:3000", &["-v"]);
    let there = serve(&network.there, "udp://0.0.0.0:3000", &["-v"]);
    let texts: Vec<_> = (0..1000)
        .map(|number| spoofed(format!("NUMBER {number:03} OF THEM")))
        .collect();
    Network::spoof(&network.there, &texts);
    wait_for_silence(&network.here);
    let (here, there) = (here.stop(), there.stop());
    let mut rounds: HashMap<String, u64> = HashMap::new();
    for line in here.stderr.lines().chain(there.stderr.lines()) {
        if let Some((_, text)) = line.split_once(" asks ") {
            *rounds.entry(text.to_owned()).or_default() += 1;
        }
    }
    assert!(rounds.len() > 900, "{}", rounds.len());
    assert!(rounds.values().all(|count| *count <= 100), "{rounds:?}");
    let ended = dropped_by(&here, "loop_suspected") + dropped_by(&there, "loop_suspected");
    // On a busy machine, a full queue may have ended some.
    assert!(ended > 500, "{ended}");
}

#[test]
fn looping_texts_cannot_hide_among_ordinary_ones_of_their_flow() {
    // Those in one buffer have a unit test (crates/server/src/datagrams/answerer/tests.rs).
    let served = Served::start(&["udp://127.0.0.1:0", "--workers", "1"]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.connect(("127.0.0.1", served.port(0))).unwrap();
    for round in 0..20 {
        for text in ["ordinary text 1", "LOOPING TEXT 22", "ordinary text 2"] {
            client.send(text.as_bytes()).unwrap();
        }
        let expected = if round < 8 { 3 } else { 2 };
        let mut buffer = [0; 64];
        for _ in 0..expected {
            client.recv(&mut buffer).unwrap();
        }
    }
    let totals = served.stop();
    totals.assert_datagrams(60, 48, 12);
    assert_eq!(dropped_by(&totals, "loop_suspected"), 12);
}

#[test]
fn capitals_and_scripts_without_case_are_answered_in_normal_use() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        own("unixgram:@bullhorn-test-capitals").as_str(),
    ]);
    // Many different texts from one source, as fast as possible.
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.connect(("127.0.0.1", served.port(0))).unwrap();
    let mut buffer = [0; 64];
    for number in 0..5000 {
        let text = format!("{number} ПРИВЕТ 世界");
        client.send(text.as_bytes()).unwrap();
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], text.as_bytes());
    }
    // The same text from many sources, as a health check sends it.
    for _ in 0..100 {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        client
            .send_to(b"PING", ("127.0.0.1", served.port(0)))
            .unwrap();
        assert_eq!(client.recv(&mut buffer).unwrap(), 4);
    }
    // The same text from one source, a little more often than once a second.
    for _ in 0..4 {
        client.send(b"PING").unwrap();
        assert_eq!(client.recv(&mut buffer).unwrap(), 4);
        std::thread::sleep(Duration::from_millis(600));
    }
    // The same over Unix sockets, where each program has its own name.
    for _ in 0..10 {
        let ended = run_bullhorn(["send", &served.endpoints[1], "PING", "PING", "PING"]);
        assert_eq!((ended.code, ended.text().lines().count()), (0, 3));
    }
    let totals = served.stop();
    assert_eq!(totals.summary["dropped"], 0, "{totals:?}");
}

#[test]
fn datagrams_that_can_only_be_spoofed_are_dropped_under_their_cause() {
    in_own_network(each_spoofed_datagram_has_its_cause);
}

fn each_spoofed_datagram_has_its_cause() {
    let Some(raw) = RawSender::new() else {
        return;
    };
    let endpoints = ["udp://127.0.0.1:0", "udp://0.0.0.0:0"];
    for (guard, is_on) in [("on", true), ("off", false)] {
        let served = Served::start(&[endpoints[0], endpoints[1], "--loop-guard", guard]);
        let (named, any) = (served.port(0), served.port(1));
        let to_named = address(&format!("127.0.0.1:{named}"));
        let to_any = address(&format!("127.0.0.3:{any}"));
        let send = |from: &str, to| raw.send(address(from), to, b"hello").unwrap();
        send("127.0.0.9:0", to_named);
        // The endpoint itself; the other endpoint; any address of the machine on the port that is
        // served on all.
        send(&format!("127.0.0.1:{named}"), to_named);
        send(&format!("127.0.0.1:{any}"), to_named);
        send(&format!("127.0.0.1:{named}"), to_any);
        send(&format!("127.8.8.8:{any}"), to_any);
        for port in [7, 13, 17, 19, 37, 53, 69, 123, 1900, 5353, 11211] {
            send(&format!("127.0.0.9:{port}"), to_named);
        }
        for endpoint in &served.endpoints {
            let endpoint = endpoint.replace("0.0.0.0", "127.0.0.3");
            assert_eq!(run_bullhorn(["send", &endpoint, "a"]).text(), "A\n");
        }
        let totals = served.stop();
        let dropped = [
            "source_port_zero",
            "source_is_ours",
            "reflecting_source_port",
        ]
        .map(|cause| dropped_by(&totals, cause));
        let expected = if is_on { [1, 4, 11] } else { [0; 3] };
        assert_eq!(dropped, expected, "{totals:?}");
        if is_on {
            totals.assert_datagrams(18, 2, 16);
            for cause in [
                "source_port_zero",
                "source_is_ours",
                "reflecting_source_port",
            ] {
                let lines = totals.stderr.lines().filter(|line| line.contains(cause));
                assert_eq!(lines.count(), 1, "{}", totals.stderr);
            }
        }
    }
}

#[test]
fn multicast_and_broadcast_datagrams_are_not_answered() {
    let (Some(network), Some(_)) = (Network::new(), find_program("python3")) else {
        return;
    };
    const SCRIPT: &str = "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'cable')
for to in ['10.99.0.255', '255.255.255.255', '224.0.0.1']:
    s.sendto(b'everyone?', (to, 3000))
s.settimeout(60)
s.sendto(b'you', ('10.99.0.1', 3000))
print(s.recv(100).decode())
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(60)
s.sendto(b'everyone?', ('ff02::1', 3000, 0, socket.if_nametoindex('cable')))
s.sendto(b'you', ('fd99::1', 3000))
print(s.recv(100).decode())
";
    for (guard, answers, dropped) in [("on", "YOU\nYOU\n", 4), ("off", "EVERYONE?\n", 0)] {
        let arguments = [
            "serve",
            "--json",
            "udp://:3000",
            "--workers",
            "1",
            "--loop-guard",
            guard,
        ];
        let served = Served::start_command(&mut Network::bullhorn(&network.here, &arguments), 2);
        let ended = run(
            Network::command(&network.there, "python3").args(["-c", SCRIPT]),
            b"",
        );
        assert!(ended.text().starts_with(answers), "{ended:?}");
        let totals = served.stop();
        assert_eq!(dropped_by(&totals, "not_unicast"), dropped, "{totals:?}");
    }
}
