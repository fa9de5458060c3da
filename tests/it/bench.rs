//! `bench`: every request is accounted for, over every endpoint type, against good and bad servers.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Ended, Running, Served, bullhorn, capitals, closed_port, find_program, own, run, run_bullhorn,
    wait_until,
};
use crate::support_netns::{Network, THERE};

/// Runs without a warm-up and with a long timeout, so that a busy machine does not count as a lossy
/// network.
fn bench(endpoint: &str, arguments: &[&str]) -> Ended {
    let ended = run_bullhorn(
        ["bench", endpoint, "--warmup", "off", "--json"]
            .iter()
            .chain(arguments),
    );
    if ended.code != 2 {
        crate::schemas::assert_lines("bench", &ended.text());
        assert_balanced(&ended.summary());
    }
    ended
}

fn count(summary: &Value, key: &str) -> u64 {
    summary[key]
        .as_u64()
        .unwrap_or_else(|| panic!("no {key} in {summary}"))
}

fn counts<const N: usize>(summary: &Value, keys: [&str; N]) -> [u64; N] {
    keys.map(|key| count(summary, key))
}

fn assert_balanced(summary: &Value) {
    let [sent, ok, corrupt, lost, pending] =
        counts(summary, ["sent", "ok", "corrupt", "lost", "pending"]);
    assert_eq!(sent, ok + corrupt + lost + pending, "{summary}");
    let bins = summary["latency_histogram"].as_array().unwrap();
    let in_bins: u64 = bins.iter().map(|bin| count(bin, "count")).sum();
    let steps = summary["timeline_ok"].as_array().unwrap();
    let in_steps: u64 = steps.iter().filter_map(Value::as_u64).sum();
    assert_eq!([in_bins, in_steps], [ok, ok], "{summary}");
}

/// A UDP server in a thread. Its answers are a function of a request's number and text.
struct Faulty {
    endpoint: String,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Faulty {
    fn start(mut answers: impl FnMut(u64, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let endpoint = format!("udp://{}", socket.local_addr().unwrap());
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            let mut number = 0;
            while !is_ended.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                for answer in answers(number, &buffer[..length]) {
                    socket.send_to(&answer, peer).unwrap();
                }
                number += 1;
            }
        });
        Self {
            endpoint,
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn every_request_is_answered_over_every_type() {
    let served = Served::start(&[
        "udp://127.0.0.1:0",
        "udp://[::1]:0",
        own("unixgram:@bullhorn-test-bench-datagram").as_str(),
        "tcp://127.0.0.1:0",
        own("unix:@bullhorn-test-bench-stream").as_str(),
        own("unixpacket:@bullhorn-test-bench-packet").as_str(),
    ]);
    for endpoint in &served.endpoints {
        let ended = bench(endpoint, &["--count", "5003", "--timeout", "20s"]);
        let summary = ended.summary();
        assert_eq!(ended.code, 0, "{endpoint}: {summary}{}", ended.stderr);
        assert_eq!(counts(&summary, ["sent", "ok"]), [5003, 5003], "{summary}");
        assert_eq!(
            counts(&summary, ["duplicate", "late", "stray"]),
            [0, 0, 0],
            "{summary}"
        );
    }
    served.stop().assert_datagrams(3 * 5003, 3 * 5003, 0);
}

#[test]
fn every_request_is_accounted_for_with_any_size_flows_window_threads_and_offload() {
    let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let texts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(texts.path(), "größer ŉ, привет\nΐ 日本語 ").unwrap();
    let path = texts.path().to_str().unwrap();
    let mut sent = 0;
    for arguments in [
        [
            "--size",
            "17",
            "--flows",
            "1",
            "--window",
            "1",
            "--threads",
            "1",
        ],
        [
            "--size",
            "1400",
            "--flows",
            "3",
            "--window",
            "100",
            "--threads",
            "2",
        ],
        [
            "--size",
            "9000",
            "--flows",
            "2",
            "--window",
            "5",
            "--threads",
            "2",
        ],
        [
            "--size", "200", "--flows", "5", "--window", "7", "--text", path,
        ],
    ] {
        for endpoint in &served.endpoints {
            for offload in [None, Some("--no-offload")] {
                let mut all = vec!["--count", "301", "--timeout", "20s"];
                all.extend(arguments);
                all.extend(offload);
                let ended = bench(endpoint, &all);
                assert_eq!(ended.code, 0, "{all:?} {}{}", ended.text(), ended.stderr);
                assert_eq!(count(&ended.summary(), "ok"), 301);
            }
        }
        sent += 2 * 301;
    }
    served.stop().assert_datagrams(sent, sent, 0);
}

#[test]
fn a_python_server_can_be_measured_too() {
    let Some(python) = find_program("python3") else {
        return;
    };
    let script = "\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
while True:
    text, peer = s.recvfrom(65536)
    s.sendto(text.decode().upper().encode(), peer)
";
    let mut command = Command::new(python);
    command.args(["-c", script]).stdout(Stdio::piped());
    let mut server = Running::start(&mut command);
    let mut port = String::new();
    let stdout = server.child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut port).unwrap();
    let ended = bench(
        &format!("udp://127.0.0.1:{}", port.trim()),
        &[
            "--count",
            "2000",
            "--flows",
            "4",
            "--window",
            "16",
            "--timeout",
            "20s",
        ],
    );
    assert_eq!(ended.code, 0, "{}{}", ended.text(), ended.stderr);
    assert_eq!(count(&ended.summary(), "ok"), 2000);
}

#[test]
fn every_fault_of_a_server_is_counted_exactly() {
    const COUNT: u64 = 4000;
    const TAIL: u64 = 800;
    let server = Faulty::start(|number, text| {
        let right = capitals(text);
        let mut wrong = right.clone();
        // Not at the very end: for the last requests this would take a timeout.
        let has_followers = number < COUNT - TAIL;
        match number % 20 {
            3 if has_followers => vec![],
            7 => {
                wrong[number as usize % 64] ^= 0x11;
                vec![wrong]
            }
            11 => vec![right[..40].to_vec()],
            13 => vec![text.to_vec()],
            17 if has_followers => vec![right.clone(), right],
            _ => vec![right],
        }
    });
    let ended = bench(
        &server.endpoint,
        &[
            "--count",
            "4000",
            "--flows",
            "2",
            "--window",
            "8",
            "--timeout",
            "20s",
        ],
    );
    let summary = ended.summary();
    let lost = (COUNT - TAIL) / 20;
    let ok = COUNT * 17 / 20 - lost;
    assert_eq!(
        counts(&summary, ["sent", "ok", "corrupt", "lost", "pending"]),
        [COUNT, ok, COUNT * 3 / 20, lost, 0],
        "{summary}"
    );
    assert_eq!(
        counts(&summary, ["duplicate", "late", "stray"]),
        [lost, 0, 0],
        "{summary}"
    );
    assert_eq!(count(&summary, "loss_ppm"), 40_000);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
}

#[test]
fn a_late_answer_counts_as_late_and_its_request_as_lost() {
    let mut kept = Vec::new();
    let server = Faulty::start(move |number, text| match number {
        0 => {
            kept.push(capitals(text));
            vec![]
        }
        // Long after the window has advanced.
        1500 => kept.drain(..).chain([capitals(text)]).collect(),
        _ => vec![capitals(text)],
    });
    let ended = bench(
        &server.endpoint,
        &[
            "--count",
            "2000",
            "--flows",
            "1",
            "--window",
            "4",
            "--timeout",
            "20s",
        ],
    );
    let summary = ended.summary();
    assert_eq!(
        counts(&summary, ["sent", "ok", "lost", "late", "duplicate"]),
        [2000, 1999, 1, 1, 0],
        "{summary}"
    );
    assert_eq!(ended.code, 1, "partial loss");
}

#[test]
fn loss_never_stalls_a_window() {
    // With a timeout for each lost request, this would take 500 times 20 s.
    let server = Faulty::start(|number, text| {
        if number.is_multiple_of(10) && number < 4600 {
            vec![]
        } else {
            vec![capitals(text)]
        }
    });
    let ended = bench(
        &server.endpoint,
        &[
            "--count",
            "5000",
            "--flows",
            "1",
            "--window",
            "8",
            "--timeout",
            "20s",
            "--no-offload",
            "--fail-if",
            "loss>10%",
        ],
    );
    let summary = ended.summary();
    assert_eq!(counts(&summary, ["ok", "lost"]), [4540, 460], "{summary}");
    assert_eq!(ended.code, 0, "the threshold allows this loss");
}

#[test]
fn a_server_that_pauses_shows_in_the_longest_latency() {
    let pause = Duration::from_millis(300);
    let server = Faulty::start(move |number, text| {
        if number == 50 {
            std::thread::sleep(pause);
        }
        vec![capitals(text)]
    });
    let ended = bench(
        &server.endpoint,
        &[
            "--rate",
            "500",
            "--count",
            "300",
            "--flows",
            "2",
            "--timeout",
            "20s",
        ],
    );
    let summary = ended.summary();
    assert_eq!(count(&summary, "ok"), 300, "{summary}");
    let latency = &summary["latency"];
    assert!(count(latency, "max_ns") >= 300_000_000, "{summary}");
    // The requests that became due meanwhile waited too: a third of all samples, not one.
    assert!(count(latency, "p90_ns") >= 100_000_000, "{summary}");
}

/// Sends 300 requests per second, and is itself stopped for 400 ms at the thirtieth.
fn bench_that_is_held_up(arguments: &[&str]) -> (Option<i32>, Value) {
    let generator = Arc::new(AtomicU32::new(0));
    let held_up = Arc::clone(&generator);
    let server = Faulty::start(move |number, text| {
        if number == 30 {
            let process = held_up.load(Ordering::Acquire);
            let signal = |name: &str| {
                let kill = Command::new("sh")
                    .args(["-c", &format!("kill -{name} {process}")])
                    .status();
                assert!(kill.unwrap().success());
            };
            signal("STOP");
            std::thread::sleep(Duration::from_millis(400));
            signal("CONT");
        }
        vec![capitals(text)]
    });
    let mut command = bullhorn();
    command
        .args(["bench", &server.endpoint, "--warmup", "off", "--json"])
        .args(["--rate", "300", "--timeout", "20s"])
        .args(arguments)
        .stdout(Stdio::piped());
    let mut bench = Running::start(&mut command);
    generator.store(bench.child.id(), Ordering::Release);
    let mut text = String::new();
    let mut stdout = bench.child.stdout.take().unwrap();
    std::io::Read::read_to_string(&mut stdout, &mut text).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_balanced(&summary);
    (bench.wait().code(), summary)
}

#[test]
fn latency_counts_from_the_intended_time_even_when_the_generator_itself_was_held_up() {
    let (_, summary) = bench_that_is_held_up(&["--count", "240"]);
    let mean = |key: &str| count(&summary[key], "mean_ns");
    assert!(
        count(&summary["latency"], "max_ns") >= 390_000_000,
        "{summary}"
    );
    assert!(mean("service") < mean("latency") / 2, "{summary}");
}

#[test]
fn a_generator_held_up_at_the_end_sends_its_backlog_late_and_reports_the_lower_rate() {
    let (code, summary) = bench_that_is_held_up(&["--duration", "300ms"]);
    assert_eq!(count(&summary, "sent"), 90, "{summary}");
    assert!(count(&summary, "sending_ns") >= 400_000_000, "{summary}");
    assert!(count(&summary, "sent_per_second") < 297, "{summary}");
    assert_eq!(summary["generator_was_the_limit"], true, "{summary}");
    assert_eq!(code, Some(1), "{summary}");
}

#[test]
fn thresholds_decide_the_exit_code() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let first = bench(served.endpoint(), &["--count", "1000", "--timeout", "20s"]);
    std::fs::write(path("old.json"), &first.stdout).unwrap();
    let mut better = first.summary();
    better["achieved_per_second"] = u64::MAX.into();
    better["latency"]["p99_ns"] = 1.into();
    std::fs::write(path("better.json"), better.to_string()).unwrap();
    let old = path("old.json");
    let better = path("better.json");
    for (arguments, code) in [
        (vec!["--fail-if", "p99>1ns"], 1),
        (
            vec![
                "--fail-if",
                "p99>1h",
                "--fail-if",
                "loss>0%",
                "--fail-if",
                "rate<1",
            ],
            0,
        ),
        (vec!["--baseline", &old, "--fail-if", "rate<-99.99%"], 0),
        (vec!["--baseline", &better, "--fail-if", "rate<-50%"], 1),
        (vec!["--baseline", &better, "--fail-if", "p99>+10%"], 1),
        (vec!["--fail-if", "p99>+10%"], 2),
        (vec!["--fail-if", "p98>1ms"], 2),
        (vec!["--baseline", "/dev/null", "--fail-if", "p99>+10%"], 2),
    ] {
        let mut all = vec!["--count", "1000", "--timeout", "20s"];
        all.extend(&arguments);
        let ended = bench(served.endpoint(), &all);
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        if code == 1 {
            assert!(
                ended.stderr.contains("threshold exceeded: "),
                "{}",
                ended.stderr
            );
            assert_eq!(ended.summary()["crossed"].as_array().unwrap().len(), 1);
        }
    }
}

#[test]
fn a_threshold_for_a_percentile_of_too_few_answers_fails_and_says_how_many_it_needs() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let few = ["--count", "999", "--timeout", "20s", "--fail-if"];
    let ended = bench(served.endpoint(), &[&few[..], &["p99.9>1h"]].concat());
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let line = "p99.9 cannot be judged: it needs 1000 correct answers, and there were 999";
    assert!(ended.stderr.contains(line), "{}", ended.stderr);
    let latency = &ended.summary()["latency"];
    assert!(latency["p99_ns"].is_u64() && latency["p99_9_ns"].is_null());
    let ended = bench(served.endpoint(), &[&few[..], &["p99>1h"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn the_first_wrong_answer_is_shown() {
    let liar = Faulty::start(|number, text| {
        let mut answer = capitals(text);
        if number == 7 {
            answer[40] = 0x1b;
        }
        vec![answer]
    });
    let ended = bench(&liar.endpoint, &["--count", "20", "--timeout", "20s"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let wrong = ended.summary()["first_wrong"].as_str().unwrap().to_owned();
    let begin = "byte 41 is 0x1b and should be ";
    assert!(wrong.starts_with(begin), "{wrong}");
    assert!(wrong.contains("; received ...\"") && wrong.contains("\\u{1b}"));
    let echo = Faulty::start(|_, text| vec![text.to_vec()]);
    let ended = run_bullhorn(["bench", &echo.endpoint, "--count", "20"]);
    let line = "first wrong answer: the text came back unchanged: an echo or a reflected packet \
                answered; received \"";
    assert!(ended.text().contains(line), "{}", ended.text());
}

/// Where the default limit of the server applies: between two hosts.
#[test]
fn loss_on_another_host_comes_with_a_hint_at_the_limit_of_a_server() {
    let Some(network) = Network::new() else {
        return;
    };
    let serve = ["serve", "--json", "udp://0.0.0.0:3000"];
    let _served = Served::start_command(&mut Network::bullhorn(&network.there, &serve), 1);
    let endpoint = format!("udp://{THERE}:3000");
    let load = ["--rate", "20000", "--duration", "300ms", "--warmup", "off"];
    let load = [&["bench", &endpoint, "--timeout", "300ms"][..], &load].concat();
    let ended = run(&mut Network::bullhorn(&network.here, &load), b"");
    let hint = "lost datagrams: by default, bullhorn serve answers one source address at most \
                1000 times a second";
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.text().contains(hint), "{}", ended.text());
    let json = [&load[..], &["--json"]].concat();
    let ended = run(&mut Network::bullhorn(&network.here, &json), b"");
    crate::schemas::assert_lines("bench", &ended.text());
    assert!(ended.summary()["hint"].is_string(), "{}", ended.text());
    // Loss on this host has another cause.
    let silent = Faulty::start(|_, _| vec![]);
    let local = ["--rate", "20000", "--count", "100", "--timeout", "100ms"];
    let ended = bench(&silent.endpoint, &local);
    assert!(ended.summary()["hint"].is_null(), "{}", ended.text());
}

#[test]
fn a_rate_that_is_not_reached_exits_1() {
    // No machine can send a request of 65,000 bytes every nanosecond.
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let arguments = [
        "--rate",
        "1000000000",
        "--size",
        "65000",
        "--duration",
        "100ms",
    ];
    let ended = bench(served.endpoint(), &arguments);
    let summary = ended.summary();
    assert_eq!(ended.code, 1, "{summary}");
    assert_eq!(summary["generator_was_the_limit"], true, "{summary}");
}

#[test]
fn the_page_refers_to_nothing_outside_itself() {
    let served = Served::start(&[own("unix:@bullhorn<&>test-bench-page").as_str()]);
    let page = tempfile::NamedTempFile::new().unwrap();
    let ended = bench(
        served.endpoint(),
        &[
            "--count",
            "1000",
            "--html",
            page.path().to_str().unwrap(),
            "--timeout",
            "20s",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let html = std::fs::read_to_string(page.path()).unwrap();
    for outside in [
        "http:", "https:", "src=", "url(", "@import", "<script", "<&>",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("href=").count(), 1, "the empty icon alone");
    assert_eq!(html.matches("<svg").count(), 3);
    assert!(html.contains("prefers-color-scheme:dark"));
    assert!(html.contains("bullhorn&lt;&amp;&gt;test-bench-page"));
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn the_page_is_never_wider_than_the_screen() {
    let Some(chromium) = find_program("chromium") else {
        return;
    };
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("page.html");
    let arguments = ["--count", "500", "--timeout", "20s", "--html"];
    let arguments = [&arguments[..], &[page.to_str().unwrap()]].concat();
    assert_eq!(bench(served.endpoint(), &arguments).code, 0);

    // Frames of several widths, and the width of the page in each.
    let html = std::fs::read_to_string(&page).unwrap();
    let quoted = html.replace('&', "&amp;").replace('"', "&quot;");
    let frames: String = ["320", "400", "800", "1280"]
        .map(|width| format!("<iframe width={width} srcdoc=\"{quoted}\"></iframe>"))
        .concat();
    let script =
        "onload = () => document.body.textContent = [...document.querySelectorAll('iframe')]
        .map(frame => 'wide ' + frame.width + ' '
            + (frame.contentDocument.documentElement.scrollWidth <= frame.clientWidth)
            + ' ' + frame.contentDocument.querySelectorAll('svg').length).join(', ')";
    let wrapper = directory.path().join("frames.html");
    std::fs::write(&wrapper, format!("<body>{frames}<script>{script}</script>")).unwrap();
    let ended = run(
        Command::new(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--dump-dom"])
            .arg(format!(
                "--user-data-dir={}",
                directory.path().join("user").display()
            ))
            .arg(&wrapper),
        b"",
    );
    let expected = "wide 320 true 3, wide 400 true 3, wide 800 true 3, wide 1280 true 3";
    assert!(ended.text().contains(expected), "{}", ended.text());
}

#[test]
fn a_closed_port_is_refused_and_silence_is_no_answer_and_an_echo_is_wrong() {
    for scheme in ["udp", "tcp"] {
        let ended = run_bullhorn(["bench", &format!("{scheme}://{}", closed_port())]);
        assert_eq!(
            (ended.code, ended.text().as_str()),
            (4, ""),
            "{}",
            ended.stderr
        );
    }
    let silent = Faulty::start(|_, _| vec![]);
    let ended = bench(&silent.endpoint, &["--count", "50", "--timeout", "100ms"]);
    assert_eq!((ended.code, count(&ended.summary(), "lost")), (5, 50));
    assert_eq!(ended.summary()["latency"]["p50_ns"], Value::Null);
    let echo = Faulty::start(|_, text| vec![text.to_vec()]);
    let ended = bench(&echo.endpoint, &["--count", "50", "--timeout", "20s"]);
    assert_eq!((ended.code, count(&ended.summary(), "corrupt")), (3, 50));
}

#[test]
fn an_interrupt_stops_early_with_a_full_result_and_a_second_one_aborts() {
    let answering = Arc::new(AtomicU32::new(0));
    let answered = Arc::clone(&answering);
    let server = Faulty::start(move |number, text| {
        answered.fetch_add(1, Ordering::Relaxed);
        if number < 1000 {
            vec![capitals(text)]
        } else {
            vec![]
        }
    });
    let mut command = bullhorn();
    command
        .args(["bench", &server.endpoint, "--warmup", "off", "--json"])
        .args([
            "--flows",
            "2",
            "--window",
            "4",
            "--timeout",
            "1h",
            "--duration",
            "1h",
        ])
        .stdout(Stdio::piped());
    let mut bench = Running::start(&mut command);
    wait_until("the window to be stuck", || {
        answering.load(Ordering::Relaxed) >= 1008
    });
    wait_until("the end", || {
        if bench.child.try_wait().unwrap().is_some() {
            return true;
        }
        bench.signal("INT");
        std::thread::sleep(Duration::from_millis(60));
        false
    });
    let status = bench.wait();
    let mut text = String::new();
    let mut stdout = bench.child.stdout.take().unwrap();
    std::io::Read::read_to_string(&mut stdout, &mut text).unwrap();
    crate::schemas::assert_lines("bench", &text);
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_balanced(&summary);
    assert_eq!(
        counts(&summary, ["ok", "pending", "lost"]),
        [1000, 8, 0],
        "{summary}"
    );
    assert_eq!(summary["ended_early"], true);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_result_is_readable_text() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let ended = run(
        bullhorn().args(["bench", served.endpoint(), "--count", "500"]),
        b"",
    );
    let text = ended.text();
    assert_eq!(ended.code, 0, "{text}{}", ended.stderr);
    assert!(
        text.contains("sent 500 = ok 500 + corrupt 0 + lost 0 + pending 0"),
        "{text}"
    );
    assert!(text.contains(", p99 ") && text.contains('█'), "{text}");
    assert!(!text.contains("p99.9"), "500 do not support it: {text}");
    assert_eq!(ended.stderr, "", "no progress without a terminal");
}
