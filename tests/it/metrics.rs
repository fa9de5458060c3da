//! `serve --metrics`: the metrics match what happened, and no HTTP client can harm the server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

use crate::inherit::inheriting;
use crate::schemas::assert_lines;
use crate::support::{
    Running, Served, TEST_TIMEOUT, bullhorn, find_program, own, run, run_bullhorn, wait_until,
    wait_until_gone,
};

/// A server and the address of its metrics.
pub struct Watched {
    pub served: Served,
    metrics: Value,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Watched {
    /// Serves `arguments`, which begin with `endpoints` endpoints.
    pub fn start(endpoints: usize, arguments: &[&str]) -> Self {
        Self::start_with("127.0.0.1:0", endpoints, arguments)
    }

    fn start_with(metrics: &str, endpoints: usize, arguments: &[&str]) -> Self {
        let mut served = Served::start_command(
            bullhorn()
                .args(["serve", "--json", "--metrics", metrics])
                .args(arguments)
                .stdin(Stdio::null()),
            endpoints,
        );
        let metrics = served.read_line();
        assert_eq!(metrics["event"], "metrics", "{metrics}");
        Self { served, metrics }
    }

    /// The address and port of the metrics over TCP.
    fn address(&self) -> &str {
        let endpoint = self.metrics["endpoint"].as_str().unwrap();
        endpoint.strip_prefix("tcp://").unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        exchange(self.connect(), method, path, headers)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// The current metrics.
    fn scrape(&self) -> String {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The value of a sample of endpoint `index`.
    fn value(&self, name: &str, index: usize, more: &str) -> u64 {
        value(&self.scrape(), &self.series(name, index, more))
            .unwrap_or_else(|| panic!("no {} in {}", self.series(name, index, more), self.scrape()))
    }

    fn series(&self, name: &str, index: usize, more: &str) -> String {
        let endpoint = &self.served.endpoints[index];
        format!("{name}{{endpoint=\"{endpoint}\"{more}}}")
    }

    fn wait_for(&self, expected: u64, name: &str, index: usize, more: &str) {
        let series = self.series(name, index, more);
        wait_until(&format!("{series} {expected}"), || {
            let value = self.value(name, index, more);
            assert!(value <= expected, "{series} {value}");
            value == expected
        });
    }

    /// A client of UDP endpoint `index`.
    fn udp(&self, index: usize) -> UdpSocket {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .connect(("127.0.0.1", self.served.port(index)))
            .unwrap();
        client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        client
    }
}

fn exchange(mut stream: impl Read + Write, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read_answer(stream)
}

fn read_answer(mut stream: impl Read) -> Answer {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("no end of the head");
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

fn value(text: &str, series: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

pub fn abstract_address(endpoint: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(endpoint.split_once('@').unwrap().1).unwrap()
}

/// Sends `text` over a stream, and reads the answer to its end.
fn upper_case(mut stream: impl Read + Write, text: &str, end: impl Fn()) {
    stream.write_all(text.as_bytes()).unwrap();
    end();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, text.to_uppercase());
}

#[test]
#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn the_counters_are_what_was_sent_over_every_type_of_endpoint() {
    let (unixgram, unix) = (
        own("unixgram:@bullhorn-test-metrics"),
        own("unix:@bullhorn-test-metrics"),
    );
    let watched = Watched::start(
        6,
        &[
            "udp://127.0.0.1:0",
            "udp://[::1]:0",
            &unixgram,
            "tcp://127.0.0.1:0",
            "tcp://[::1]:0",
            &unix,
        ],
    );
    for index in 0..3 {
        let count = 3 + index;
        let mut send = bullhorn();
        send.args(["send", "--timeout", "60s", &watched.served.endpoints[index]]);
        assert_eq!(run(&mut send, "größe\n".repeat(count).as_bytes()).code, 0);
        let count = count as u64;
        watched.wait_for(count, "bullhorn_datagrams_answered_total", index, "");
        for (name, expected) in [
            ("bullhorn_datagrams_received_total", count),
            ("bullhorn_datagrams_kernel_dropped_total", 0),
            ("bullhorn_datagram_size_bytes_count", count),
            ("bullhorn_datagram_size_bytes_sum", count * 7),
            ("bullhorn_run_datagrams_sum", count),
            ("bullhorn_batch_datagrams_sum", count),
        ] {
            assert_eq!(watched.value(name, index, ""), expected, "{name}");
        }
    }
    for index in 3..6 {
        // One byte shorter in capitals.
        let text = "ırmak\n".repeat(index);
        let endpoint = &watched.served.endpoints[index];
        for _ in 0..2 {
            if let Some(address) = endpoint.strip_prefix("tcp://") {
                let stream = TcpStream::connect(address).unwrap();
                let end = || stream.shutdown(Shutdown::Write).unwrap();
                upper_case(&stream, &text, end);
            } else {
                let stream = UnixStream::connect_addr(&abstract_address(endpoint)).unwrap();
                let end = || stream.shutdown(Shutdown::Write).unwrap();
                upper_case(&stream, &text, end);
            }
        }
        watched.wait_for(2, "bullhorn_connections_finished_total", index, "");
        let lines = 2 * index as u64;
        for (name, expected) in [
            ("bullhorn_connections_accepted_total", 2),
            ("bullhorn_connections_open", 0),
            ("bullhorn_stream_received_bytes_total", 7 * lines),
            ("bullhorn_stream_answered_bytes_total", 6 * lines),
            ("bullhorn_stream_unsent_bytes_total", 0),
        ] {
            assert_eq!(watched.value(name, index, ""), expected, "{name}");
        }
    }
    let scrape = watched.scrape();
    for line in scrape.lines().filter(|line| line.contains("cause=")) {
        assert!(line.ends_with(" 0"), "{line}");
    }
    // The totals at the end agree.
    let stopped = watched.served.stop();
    assert_eq!(stopped.summary["received"], 3 + 4 + 5);
    assert_eq!(stopped.summary["answered"], 3 + 4 + 5);
}

#[test]
fn unanswered_datagrams_are_counted_under_their_cause() {
    let unixgram = own("unixgram:@bullhorn-test-metrics-causes");
    let watched = Watched::start(2, &["udp://127.0.0.1:0", &unixgram]);
    let client = watched.udp(0);
    // Its capitals are longer by half.
    client.send("ŉ".repeat(32_000).as_bytes()).unwrap();
    client.send(b"a").unwrap();
    assert_eq!(client.recv(&mut [0; 9]).unwrap(), 1);
    let name = "bullhorn_datagrams_dropped_total";
    watched.wait_for(1, name, 0, ",cause=\"answer_too_large\"");

    let to = abstract_address(&unixgram);
    let nameless = UnixDatagram::unbound().unwrap();
    nameless.send_to_addr(b"a", &to).unwrap();
    watched.wait_for(1, name, 1, ",cause=\"no_return_address\"");

    // While stopped, the server cannot answer before the client is gone.
    watched.served.process.signal("STOP");
    let own_name = own("bullhorn-test-metrics-gone");
    let gone = SocketAddr::from_abstract_name(own_name).unwrap();
    let client = UnixDatagram::bind_addr(&gone).unwrap();
    client.send_to_addr(b"a", &to).unwrap();
    drop(client);
    wait_until_gone(&gone);
    watched.served.process.signal("CONT");
    watched.wait_for(1, name, 1, ",cause=\"peer_gone\"");

    let dropped = |index| {
        let start = watched.series(name, index, "").replace('}', "");
        let scrape = watched.scrape();
        let lines = scrape.lines().filter(|line| line.starts_with(&start));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum::<u64>()
    };
    assert_eq!((dropped(0), dropped(1)), (1, 2));
    assert_eq!(watched.value("bullhorn_datagrams_received_total", 0, ""), 2);
    assert_eq!(watched.value("bullhorn_datagrams_received_total", 1, ""), 2);
}

#[test]
fn kernel_drops_have_their_own_metric() {
    const SENT: u64 = 2000;
    let watched = Watched::start(1, &["udp://127.0.0.1:0", "--receive-buffer", "8192"]);
    let client = watched.udp(0);
    watched.served.process.signal("STOP");
    for _ in 0..SENT {
        client.send(&[b'a'; 100]).unwrap();
    }
    watched.served.process.signal("CONT");
    wait_until("every datagram is received or dropped", || {
        let received = watched.value("bullhorn_datagrams_received_total", 0, "");
        let dropped = watched.value("bullhorn_datagrams_kernel_dropped_total", 0, "");
        assert!(dropped > 0);
        received + dropped == SENT
    });
}

#[test]
fn connections_that_end_abnormally_are_counted_under_their_cause() {
    let watched = Watched::start(
        2,
        &[
            "tcp://127.0.0.1:0",
            "tcp://[::1]:0",
            "--max-connections",
            "1",
        ],
    );
    let name = "bullhorn_connections_dropped_total";
    let first = TcpStream::connect(("127.0.0.1", watched.served.port(0))).unwrap();
    watched.wait_for(1, "bullhorn_connections_open", 0, "");
    let _second = TcpStream::connect(("127.0.0.1", watched.served.port(0))).unwrap();
    watched.wait_for(1, name, 0, ",cause=\"too_many_connections\"");
    // A close with a linger time of zero is a reset.
    SockRef::from(&first)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(first);
    watched.wait_for(1, name, 0, ",cause=\"peer_reset\"");
    assert_eq!(watched.value("bullhorn_connections_open", 0, ""), 0);
    assert_eq!(
        watched.value("bullhorn_connections_accepted_total", 0, ""),
        2
    );
    assert_eq!(
        watched.value("bullhorn_connections_accepted_total", 1, ""),
        0
    );

    let idle = ["tcp://127.0.0.1:0", "--idle-timeout", "10ms"];
    let watched = Watched::start(1, &idle);
    let _silent = TcpStream::connect(("127.0.0.1", watched.served.port(0))).unwrap();
    watched.wait_for(1, name, 0, ",cause=\"idle_timeout\"");
}

#[test]
fn impairments_are_counted_only_with_impair() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0", "--impair", "loss=100%"]);
    let client = watched.udp(0);
    for _ in 0..5 {
        client.send(b"a").unwrap();
    }
    let name = "bullhorn_datagrams_impaired_total";
    watched.wait_for(5, name, 0, ",impairment=\"lost\"");
    assert_eq!(watched.value(name, 0, ",impairment=\"corrupted\""), 0);
    let dropped = "bullhorn_datagrams_dropped_total";
    assert_eq!(watched.value(dropped, 0, ",cause=\"impaired\""), 5);
    let unimpaired = Watched::start(1, &["udp://127.0.0.1:0"]);
    assert!(!unimpaired.scrape().contains("impaired_total"));
}

/// The bounds of a histogram with their counts, its sum and its count.
fn histogram(watched: &Watched, name: &str, scrape: &str) -> (Vec<(f64, u64)>, u64, u64) {
    let start = watched
        .series(&format!("{name}_bucket"), 0, ",le=\"")
        .replace('}', "");
    let buckets = scrape.lines().filter_map(|line| {
        let (bound, count) = line.strip_prefix(&start)?.split_once("\"} ").unwrap();
        Some((bound.parse().unwrap(), count.parse().unwrap()))
    });
    let series = |ending| watched.series(&format!("{name}_{ending}"), 0, "");
    (
        buckets.collect(),
        value(scrape, &series("sum")).unwrap(),
        value(scrape, &series("count")).unwrap(),
    )
}

#[test]
fn histograms_hold_every_datagram_once() {
    const SIZES: [usize; 10] = [0, 1, 2, 3, 64, 64, 65, 1000, 40_000, 65_507];
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    let client = watched.udp(0);
    for size in SIZES {
        client.send(&vec![b'a'; size]).unwrap();
        assert_eq!(client.recv(&mut [0; 65_536]).unwrap(), size);
    }
    let all = SIZES.len() as u64;
    watched.wait_for(all, "bullhorn_datagrams_answered_total", 0, "");
    let scrape = watched.scrape();
    for (name, sum) in [
        (
            "bullhorn_datagram_size_bytes",
            SIZES.iter().sum::<usize>() as u64,
        ),
        ("bullhorn_run_datagrams", all),
        ("bullhorn_batch_datagrams", all),
    ] {
        let (buckets, told_sum, count) = histogram(&watched, name, &scrape);
        assert!(
            buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "{name}: {buckets:?}"
        );
        assert_eq!(buckets.last().unwrap(), &(f64::INFINITY, count), "{name}");
        assert_eq!(told_sum, sum, "{name}");
        // Each was answered before the next was sent.
        assert_eq!(count, all, "{name}");
    }
    let (buckets, ..) = histogram(&watched, "bullhorn_datagram_size_bytes", &scrape);
    for (bound, count) in buckets {
        let below = SIZES.iter().filter(|size| **size as f64 <= bound).count();
        assert_eq!(count, below as u64, "{bound}");
    }
}

#[test]
fn the_accept_header_chooses_between_openmetrics_and_the_older_text() {
    let watched = Watched::start(2, &["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let openmetrics = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = "content-type: text/plain; version=0.0.4; charset=utf-8";
    let samples = |body: &str| {
        let lines = body.lines();
        let lines = lines.filter(|line| !line.starts_with('#') && !line.starts_with("process_"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut both = Vec::new();
    for (headers, expected, has_end) in [
        ("", openmetrics, true),
        ("Accept: */*\r\n", openmetrics, true),
        ("Accept: text/plain\r\n", text, false),
        (
            "Accept: text/plain;version=0.0.4;q=0.3\r\nAccept: application/openmetrics-text;q=0.2\r\n",
            text,
            false,
        ),
    ] {
        let answer = watched.ask("GET", "/metrics", headers);
        assert!(answer.head.contains(expected), "{headers}: {answer:?}");
        assert_eq!(answer.body.ends_with("\n# EOF\n"), has_end, "{headers}");
        both.push(samples(&answer.body));
    }
    assert!(both[0].len() > 60, "{:?}", both[0]);
    for samples in &both {
        assert_eq!(samples, &both[0]);
    }
    let build = format!(
        "bullhorn_build_info{{version=\"{}\",rustc=\"",
        env!("CARGO_PKG_VERSION")
    );
    assert!(both[0][0].starts_with(&build), "{}", both[0][0]);
}

#[test]
fn head_gets_the_same_headers_and_other_methods_and_paths_are_refused() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    for path in ["/livez", "/readyz", "/livez?verbose", "/metrics"] {
        let get = watched.get(path);
        assert_eq!(get.status, 200, "{get:?}");
        let head = watched.ask("HEAD", path, "");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{head:?}");
        let kind = |answer: &Answer| {
            let mut lines = answer.head.lines();
            lines
                .find(|line| line.starts_with("content-type:"))
                .map(str::to_owned)
        };
        assert_eq!(kind(&head), kind(&get), "{path}");
        assert!(head.head.contains("content-length: "), "{head:?}");
        assert!(!head.head.contains("content-length: 0"), "{head:?}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"] {
            let answer = watched.ask(method, path, "Content-Length: 0\r\n");
            assert_eq!(answer.status, 405, "{method}: {answer:?}");
            assert!(answer.head.contains("allow: get, head"), "{answer:?}");
        }
    }
    for path in ["/", "/metrics/", "/Metrics", "/metrics.json", "/readyz/x"] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = watched.ask(method, path, "");
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            let text = "not found; try /metrics, /livez, /readyz, /api/peers\n";
            let expected = if method == "HEAD" { "" } else { text };
            assert_eq!(answer.body, expected, "{method} {path}");
        }
    }
    let mut stream = watched.connect();
    stream.write_all(b"hello, this is no HTTP\r\n\r\n").unwrap();
    assert_eq!(read_answer(stream).status, 400);
}

#[test]
fn a_draining_server_is_alive_but_not_ready() {
    let watched = Watched::start(1, &["tcp://127.0.0.1:0"]);
    assert_eq!(watched.get("/readyz").status, 200);
    // A client that sends a lot and reads nothing delays the end.
    let mut greedy = TcpStream::connect(("127.0.0.1", watched.served.port(0))).unwrap();
    greedy.set_nonblocking(true).unwrap();
    let text = vec![b'a'; 1 << 20];
    let mut is_full = 0;
    while is_full < 20 {
        match greedy.write(&text) {
            Ok(_) => is_full = 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                is_full += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
    watched.served.process.signal("TERM");
    wait_until("the server is not ready", || {
        let answer = watched.get("/readyz");
        assert!(
            matches!(answer.status, 200 | 503),
            "the server ended without a word: {answer:?}"
        );
        answer.status == 503 && answer.body == "stopping\n"
    });
    assert_eq!(watched.get("/livez").status, 200);
    assert_eq!(watched.value("bullhorn_connections_open", 0, ""), 1);
    drop(greedy);
    let stopped = watched.served.ended();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
}

#[test]
fn a_hundred_hanging_clients_stop_neither_a_scrape_nor_a_datagram() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    let hanging: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = watched.connect();
            let text: &[u8] = match number % 3 {
                0 => b"",
                1 => b"GET /metrics HTTP/1.1\r\nHost: he",
                _ => b"G",
            };
            stream.write_all(text).unwrap();
            stream
        })
        .collect();
    let open = |scrape: &str| {
        let mut lines = scrape.lines();
        lines.find_map(|line| line.strip_prefix("process_open_fds ")?.parse::<u64>().ok())
    };
    let client = watched.udp(0);
    for number in 0..100 {
        let text = format!("text {number}");
        client.send(text.as_bytes()).unwrap();
        let mut answer = [0; 64];
        let length = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], text.to_uppercase().as_bytes());
    }
    watched.wait_for(100, "bullhorn_datagrams_answered_total", 0, "");
    // Before their timeout.
    if let Some(open) = open(&watched.scrape()) {
        assert!(open < 64 + 40, "{open} descriptors");
    }
    drop(hanging);
}

#[test]
fn a_hanging_client_is_disconnected_after_its_timeout() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    let silent = watched.connect();
    let mut slow = watched.connect();
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").unwrap();
    for mut stream in [silent, slow] {
        // Fails after the timeout of the tests.
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn an_oversized_request_is_refused() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    let mut stream = watched.connect();
    let header = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(17_000));
    stream.write_all(header.as_bytes()).unwrap();
    assert_eq!(read_answer(stream).status, 431);
    let longest = format!("X: {}\r\n", "x".repeat(8000));
    assert_eq!(watched.ask("GET", "/livez", &longest).status, 200);
}

#[test]
fn odd_paths_are_escaped_in_labels() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(r#"qu"ote\back {x="1"} größe"#);
    let path = path.to_str().unwrap();
    let watched = Watched::start(1, &[&format!("unixgram:{path}")]);
    let label = watched.served.endpoints[0]
        .replace('\\', r"\\")
        .replace('"', r#"\""#);
    assert!(label.contains(r#"/qu\"ote\\back"#), "{label}");
    let scrape = watched.scrape();
    let series = format!("bullhorn_datagrams_received_total{{endpoint=\"{label}\"}}");
    assert_eq!(value(&scrape, &series), Some(0), "{scrape}");
    check_with_promtool(&watched);
}

#[test]
fn metrics_are_served_over_ipv6_and_unix_sockets_too() {
    let watched = Watched::start_with("[::1]:0", 1, &["udp://127.0.0.1:0"]);
    let url = format!("http://{}/metrics", watched.address());
    assert!(url.starts_with("http://[::1]:"), "{url}");
    assert_eq!(watched.metrics["url"], url);
    assert_eq!(watched.get("/livez").status, 200);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.sock");
    let endpoint = format!("unix:{}", path.display());
    let watched = Watched::start_with(&endpoint, 1, &["udp://127.0.0.1:0"]);
    assert_eq!(watched.metrics["endpoint"], endpoint);
    assert_eq!(watched.metrics["url"], Value::Null);
    let stream = UnixStream::connect(&path).unwrap();
    let answer = exchange(stream, "GET", "/readyz", "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ready\n"));
    watched.served.stop();
    assert!(!path.exists());
}

#[test]
fn the_metrics_line_is_printed_once_and_follows_the_schema() {
    let watched = Watched::start(1, &["udp://127.0.0.1:0"]);
    let mut lines = vec![watched.served.ready[0].to_string()];
    lines.push(watched.metrics.to_string());
    lines.push(watched.served.stop().summary.to_string());
    assert_eq!(
        assert_lines("serve", &lines.join("\n")),
        ["ready", "metrics", "summary"]
    );
}

#[test]
fn metrics_that_cannot_be_served_are_refused_before_anything_is_served() {
    let ended = run_bullhorn(["serve", "--metrics", "udp://127.0.0.1:0"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("127.0.0.1:9300"), "{ended:?}");
    // The type behind a descriptor is known only once it is inspected.
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let arguments = ["serve", "-q", "--metrics", "fd:3", "udp://127.0.0.1:0"];
    let mut command = inheriting("", datagrams, &arguments);
    let mut process = Running::start(command.stderr(Stdio::null()));
    assert_eq!(process.wait().code(), Some(2));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(
        bullhorn()
            .args(["serve", "udp://127.0.0.1:0"])
            .env("BULLHORN_METRICS", &address),
        b"",
    );
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(ended.stderr.contains(&address), "{ended:?}");
    assert!(!ended.stderr.contains("ready"), "{ended:?}");
}

/// Serves every kind of endpoint, after some traffic.
fn busy(name: &str) -> Watched {
    let unixgram = own(&format!("unixgram:@bullhorn-test-{name}"));
    let arguments = [
        "udp://127.0.0.1:0",
        &unixgram,
        "tcp://127.0.0.1:0",
        "--impair",
        "loss=1%",
    ];
    let watched = Watched::start(3, &arguments);
    for endpoint in &watched.served.endpoints {
        let mut send = bullhorn();
        send.args(["send", "--timeout", "200ms", "--retries", "20", endpoint]);
        assert_eq!(run(&mut send, "größe\n".repeat(100).as_bytes()).code, 0);
    }
    watched
}

/// Runs `promtool` on both formats; reports only once that it is missing.
fn check_with_promtool(watched: &Watched) {
    let Some(promtool) = find_program("promtool") else {
        return;
    };
    let text = watched
        .ask("GET", "/metrics", "Accept: text/plain\r\n")
        .body;
    let ended = run(
        Command::new(&promtool).args(["check", "metrics"]),
        text.as_bytes(),
    );
    assert_eq!(
        (ended.code, ended.text().as_str(), ended.stderr.as_str()),
        (0, "", ""),
        "{text}"
    );
    // Only this command has a parser of OpenMetrics, and it wants a time with each value.
    let openmetrics: String = watched
        .scrape()
        .lines()
        .map(|line| match line.starts_with('#') {
            true => format!("{line}\n"),
            false => format!("{line} 1700000000\n"),
        })
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metrics.txt");
    std::fs::write(&file, &openmetrics).unwrap();
    let ended = run(
        Command::new(&promtool)
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(&file)
            .arg(directory.path().join("blocks")),
        b"",
    );
    assert_eq!(ended.code, 0, "{}\n{openmetrics}", ended.stderr);
}

#[test]
fn promtool_accepts_the_metrics() {
    check_with_promtool(&busy("promtool"));
}

#[test]
fn the_table_in_the_documentation_names_each_metric_once() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rows = document.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some(name.split('{').next().unwrap_or(name).to_owned())
    });
    let scrape = busy("table")
        .ask("GET", "/metrics", "Accept: text/plain\r\n")
        .body;
    let families = scrape.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some(name.to_owned())
    });
    let mut families: Vec<String> = families.collect();
    // Not every kernel reports it.
    if !families.iter().any(|name| name == "process_open_fds") {
        families.push("process_open_fds".to_owned());
    }
    let mut rows: Vec<String> = rows.collect();
    families.sort();
    rows.sort();
    assert_eq!(rows, families);
}
