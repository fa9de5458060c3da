//! `bench` against servers that send endless unsolicited answers: its run time, memory and counts
//! stay right, it ends within a second of Ctrl-C, and it reports wrong answers.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use std::os::linux::net::SocketAddrExt;

use serde_json::Value;

use crate::support::{Running, bullhorn, own, wait_until};

/// A server that floods every client until it is dropped.
struct Flood {
    endpoint: String,
    ended: Arc<AtomicBool>,
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Flood {
    fn new(endpoint: String, flood: impl FnOnce(Arc<AtomicBool>) + Send + 'static) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        thread::spawn(move || flood(is_ended));
        Self { endpoint, ended }
    }

    /// Writes `bytes` repeatedly to each connection.
    fn over_tcp(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        Self::new(endpoint, move |_| {
            for connection in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || write_forever(connection, bytes));
            }
        })
    }

    fn over_unix(name: &str, bytes: &'static [u8]) -> Self {
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        Self::new(format!("unix:@{name}"), move |_| {
            for connection in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || write_forever(connection, bytes));
            }
        })
    }

    fn over_udp(bytes: &'static [u8]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("udp://{}", socket.local_addr().unwrap());
        Self::new(endpoint, move |ended| {
            let (_, peer) = socket.recv_from(&mut [0; 65_536]).unwrap();
            while !ended.load(Ordering::Relaxed) {
                let _ = socket.send_to(bytes, peer);
            }
        })
    }

    fn over_unixgram(name: &str, bytes: &'static [u8]) -> Self {
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Self::new(format!("unixgram:@{name}"), move |ended| {
            let (_, peer) = socket.recv_from(&mut [0; 65_536]).unwrap();
            // Without a reader the kernel would block this forever.
            socket
                .set_write_timeout(Some(Duration::from_millis(10)))
                .unwrap();
            while !ended.load(Ordering::Relaxed) {
                let _ = socket.send_to_addr(bytes, &peer);
            }
        })
    }

    fn all(test: &str) -> Vec<Self> {
        let stray = b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
        vec![
            Self::over_tcp(LINE_ENDS),
            Self::over_tcp(NO_LINE_END),
            Self::over_tcp(SHORT_LINES),
            Self::over_unix(
                &own(&format!("bullhorn-test-flood-stream-{test}")),
                SHORT_LINES,
            ),
            Self::over_udp(stray),
            Self::over_unixgram(&own(&format!("bullhorn-test-flood-datagram-{test}")), stray),
        ]
    }
}

const LINE_ENDS: &[u8] = &[b'\n'; 65_536];
const NO_LINE_END: &[u8] = &[b'x'; 65_536];
/// Sixteen letters each, so that they could be damaged headers.
const SHORT_LINES: &[u8] = b"ABCDEFGHIJKLMNOP\nQRSTUVWXYZABCDEF\nPONMLKJIHGFEDCBA\n";

fn write_forever(mut connection: impl Write, bytes: &[u8]) {
    let block = bytes.repeat(65_536 / bytes.len());
    while connection.write_all(&block).is_ok() {}
}

fn start(flood: &Flood, arguments: &[&str]) -> Running {
    let mut command = bullhorn();
    command
        .args(["bench", &flood.endpoint, "--json", "--warmup", "off"])
        .args(["--flows", "2", "--window", "1024"])
        .args(arguments)
        .stdout(Stdio::piped());
    Running::start(&mut command)
}

fn finish(mut bench: Running) -> (Option<i32>, Value) {
    let mut text = String::new();
    let mut stdout = bench.child.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    let code = bench.wait().code();
    (code, serde_json::from_str(&text).unwrap())
}

fn resident(bench: &Running) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", bench.child.id()));
    let statm = statm.unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * 4096
}

#[test]
fn a_run_ends_on_time_during_a_flood_of_wrong_answers_and_exits_3() {
    for flood in Flood::all("time") {
        let bench = start(&flood, &["--duration", "1s", "--timeout", "300ms"]);
        let mut largest = 0;
        wait_until("the end of bench", || {
            largest = resident(&bench).max(largest);
            has_ended(&bench)
        });
        // A flood leaves it no time to sleep, so that this is its time but for that which a busy
        // machine gave to others.
        let ticks = used_ticks(&bench);
        let (code, summary) = finish(bench);
        assert!(ticks < 300, "{}: {ticks}", flood.endpoint);
        assert_eq!(code, Some(3), "{}: {summary}", flood.endpoint);
        assert!(largest < 100 << 20, "{}: {largest} bytes", flood.endpoint);
    }
}

#[test]
fn a_run_can_be_stopped_during_a_flood_of_wrong_answers() {
    for flood in Flood::all("stop") {
        let bench = start(&flood, &["--duration", "1h", "--timeout", "1h"]);
        // After connecting, and during the flood.
        wait_until("bench has used a CPU", || used_ticks(&bench) >= 20);
        let before = used_ticks(&bench);
        bench.signal("INT");
        wait_until("the end of bench", || has_ended(&bench));
        let ticks = used_ticks(&bench) - before;
        let (code, summary) = finish(bench);
        assert!(ticks < 200, "{}: {ticks}", flood.endpoint);
        assert_eq!(summary["ended_early"], true, "{summary}");
        assert_eq!(code, Some(3), "{}: {summary}", flood.endpoint);
    }
}

/// Its figures can still be read.
fn has_ended(bench: &Running) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", bench.child.id()));
    stat.is_ok_and(|stat| stat.contains(") Z "))
}

/// User and system time in hundredths of a second (proc_pid_stat(5)).
fn used_ticks(bench: &Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", bench.child.id())).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.map(|field| field.parse::<u64>().unwrap()).sum()
}
