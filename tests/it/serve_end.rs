//! How `serve` ends: by each signal, by two of them, and with peers that would delay it.

use std::io::{Read, Write};
use std::net::{self, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bullhorn::Server;
use bullhorn::server::stats::{ConnectionDropCause, Stats, StreamTotals, Totals as Counted};
use socket2::{Domain, Socket, Type};

use crate::ends::{SIGNALS, can_be_sent, child_of, kill};
use crate::support::{
    Served, TEST_TIMEOUT, bullhorn, clean, find_program, own, program, run_bullhorn, skipped,
    wait_until,
};

/// The drain takes two seconds at most; the rest is for a busy machine.
const DRAINED: Duration = Duration::from_secs(6);

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream
}

/// Sends until the server accepts no more, and reads nothing.
fn fill(stream: &mut TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(300) {
        if stream.write(&[b'a'; 65536]).is_ok() {
            last = Instant::now();
        }
    }
    stream.set_nonblocking(false).unwrap();
}

#[test]
fn each_of_the_signals_drains_prints_the_totals_and_removes_the_socket_file() {
    for (signal, number) in SIGNALS {
        if !can_be_sent(signal, number) {
            continue;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let endpoint = format!("unix:{}", path.display());
        let served = Served::start(&[&endpoint, "udp://127.0.0.1:0"]);
        assert_eq!(run_bullhorn(["send", &endpoint, "a"]).code, 0);
        assert_eq!(run_bullhorn(["send", &served.endpoints[1], "a"]).code, 0);
        served.stop_by(signal).assert_datagrams(1, 1, 0);
        assert!(!path.exists(), "{signal}");
    }
}

#[test]
fn a_peer_that_does_not_read_is_dropped_as_drain_timeout_before_the_drain_is_over() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut silent = connect(&served);
    fill(&mut silent);
    let begin = Instant::now();
    let totals = served.stop();
    assert!(begin.elapsed() < DRAINED, "{:?}", begin.elapsed());
    let endpoint = &totals.summary["endpoints"][0];
    assert_eq!(totals.code, Some(0));
    assert_eq!(endpoint["dropped_by"]["drain_timeout"], 1, "{endpoint}");
    assert!(endpoint["unsent_bytes"].as_u64() > Some(0), "{endpoint}");
}

fn only_stream_totals(stats: &Stats) -> &StreamTotals {
    let [(_, Counted::Stream(totals))] = &stats.endpoints[..] else {
        panic!("{stats:?}");
    };
    totals
}

#[test]
fn a_library_server_does_not_wait_for_a_peer_that_does_not_read() {
    let builder = Server::builder().endpoint("tcp://127.0.0.1:0");
    let server = builder.start().unwrap();
    let address = server.endpoints()[0].to_string();
    let address: net::SocketAddr = address.strip_prefix("tcp://").unwrap().parse().unwrap();
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    silent.set_recv_buffer_size(4096).unwrap();
    silent.connect(&address.into()).unwrap();
    let mut silent = TcpStream::from(silent);
    fill(&mut silent);
    wait_until("an answer is kept", || {
        let stats = server.stats();
        let totals = only_stream_totals(&stats);
        totals.received_bytes > totals.answered_bytes
    });
    let begin = Instant::now();
    let stats = server.stop();
    let elapsed = begin.elapsed();
    assert!(elapsed < Duration::from_millis(1500), "{elapsed:?}");
    let totals = only_stream_totals(&stats);
    assert_eq!(totals.dropped_by(ConnectionDropCause::DrainTimeout), 1);
    assert!(totals.unsent_bytes > 0, "{totals:?}");
}

#[test]
fn process_1_ends_by_sigterm_with_its_totals() {
    let Some(unshare) = find_program("unshare") else {
        return;
    };
    let unshare = || {
        let mut command = clean(Command::new(&unshare));
        command.args(["--pid", "--fork", "--kill-child"]);
        command
    };
    let works = unshare().arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skipped("a PID namespace needs CAP_SYS_ADMIN");
    }
    let mut serve = unshare();
    serve.arg(program()).args(["serve", "--json"]);
    serve.args(["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let served = Served::start_command(serve.stdin(Stdio::null()), 2);
    for endpoint in &served.endpoints {
        assert_eq!(run_bullhorn(["send", endpoint, "a"]).code, 0);
    }
    let first = child_of(served.process.child.id()).unwrap();
    let begin = Instant::now();
    kill(first, "TERM");
    let totals = served.ended();
    assert!(begin.elapsed() < DRAINED, "{:?}", begin.elapsed());
    totals.assert_datagrams(1, 1, 0);
    let connections = &totals.summary["endpoints"][1];
    assert_eq!(connections["finished"], 1, "{connections}");
}

/// Sends and reads as fast as it can, until `stop` or until the server closes.
fn flood(stream: TcpStream, stop: &Arc<AtomicBool>) -> [JoinHandle<()>; 2] {
    let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
    let stop = stop.clone();
    [
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) && writer.write_all(&[b'a'; 1 << 20]).is_ok() {}
        }),
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while reader.read(&mut buffer).is_ok_and(|length| length > 0) {}
        }),
    ]
}

#[test]
fn peers_that_send_and_read_as_fast_as_the_server_cannot_extend_its_drain() {
    let served = Served::start_command(
        bullhorn().args(["serve", "--json", "--workers", "1", "tcp://127.0.0.1:0"]),
        1,
    );
    let stop = Arc::default();
    let floods: Vec<_> = (0..4).map(|_| flood(connect(&served), &stop)).collect();
    let mut other = connect(&served);
    other.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    other.read_exact(&mut answer).unwrap();
    let begin = Instant::now();
    let totals = served.stop();
    let elapsed = begin.elapsed();
    stop.store(true, Ordering::Relaxed);
    for thread in floods.into_iter().flatten() {
        thread.join().unwrap();
    }
    assert!(elapsed < DRAINED, "{elapsed:?}");
    let endpoint = &totals.summary["endpoints"][0];
    assert_eq!(totals.code, Some(0));
    let timed_out = endpoint["dropped_by"]["drain_timeout"].as_u64().unwrap();
    let others = endpoint["finished"].as_u64().unwrap();
    assert_eq!(timed_out + others, 5, "{endpoint}");
    // A client with nothing more to send was not delayed by the others.
    assert_eq!(other.read(&mut answer).unwrap(), 0);
}

#[test]
fn a_second_signal_ends_the_drain_at_once_and_is_the_exit_code() {
    for (first, second, code) in [
        ("TERM", "TERM", 143),
        ("INT", "HUP", 129),
        ("HUP", "INT", 130),
    ] {
        if [first, second].contains(&"HUP") && !can_be_sent("HUP", 1) {
            continue;
        }
        let name = own("bullhorn-test-second");
        let served = Served::start(&[&format!("unix:@{name}")]);
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let mut stream = UnixStream::connect_addr(&address).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut last = Instant::now();
        while last.elapsed() < Duration::from_millis(200) {
            if stream.write(&[b'a'; 65536]).is_ok() {
                last = Instant::now();
            }
        }
        stream.set_nonblocking(false).unwrap();
        served.process.signal(first);
        wait_until("the listener is gone", || {
            UnixStream::connect_addr(&address).is_err()
        });
        // It reads its answers in small pieces, and so the server would wait for it.
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(300) {
            stream.read_exact(&mut [0; 2048]).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        let totals = served.stop_by(second);
        assert_eq!(totals.code, Some(code), "{totals:?}");
        let endpoint = &totals.summary["endpoints"][0];
        assert_eq!(endpoint["dropped_by"]["drain_timeout"], 1, "{endpoint}");
    }
}

#[test]
fn two_signals_at_once_are_one() {
    for _ in 0..20 {
        let served = Served::start(&["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
        let pid = served.process.child.id();
        // As timeout(1) sends them.
        let both = std::process::Command::new("sh")
            .args(["-c", &format!("kill -TERM {pid}; kill -TERM {pid}")])
            .status();
        assert!(both.is_ok());
        assert_eq!(served.ended().code, Some(0));
    }
}
