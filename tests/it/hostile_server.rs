//! Servers that send too much, too slowly or endlessly: `send` and `ping` still end, in little
//! memory, with the right exit code.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Ended, Running, TEST_TIMEOUT, bullhorn, program, run};

/// Long enough for a program on a busy machine that does not wait for anything.
const SOON: Duration = Duration::from_secs(20);

trait Peer: Read + Write {}
impl<T: Read + Write> Peer for T {}

/// Serves each connection with `serve`, over TCP and over a Unix stream.
fn streams(serve: fn(&mut dyn Peer)) -> (tempfile::TempDir, [String; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = [
        format!("tcp://{}", tcp.local_addr().unwrap()),
        format!("unix:{}", path.display()),
    ];
    std::thread::spawn(move || {
        for mut peer in tcp.incoming().flatten() {
            std::thread::spawn(move || serve(&mut peer));
        }
    });
    std::thread::spawn(move || {
        for mut peer in unix.incoming().flatten() {
            std::thread::spawn(move || serve(&mut peer));
        }
    });
    (directory, endpoints)
}

/// Servers over UDP and Unix datagrams that answer each text with `answer` of it, repeatedly until
/// the next one comes.
struct Floods {
    endpoints: [String; 2],
    stop: Arc<AtomicBool>,
    _directory: tempfile::TempDir,
}

impl Floods {
    fn start(answer: fn(&[u8]) -> Vec<u8>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let unix = UnixDatagram::bind(&path).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let endpoints = [
            format!("udp://{}", udp.local_addr().unwrap()),
            format!("unixgram:{}", path.display()),
        ];
        let stop = Arc::new(AtomicBool::new(false));
        udp.set_nonblocking(true).unwrap();
        unix.set_nonblocking(true).unwrap();
        let is_stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut flood = None;
            let mut buffer = [0; 2048];
            while !is_stopped.load(Ordering::Relaxed) {
                if let Ok((length, peer)) = udp.recv_from(&mut buffer) {
                    flood = Some((answer(&buffer[..length]), peer));
                }
                match &flood {
                    Some((answer, peer)) => drop(udp.send_to(answer, peer)),
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        let is_stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut flood = None;
            let mut buffer = [0; 2048];
            while !is_stopped.load(Ordering::Relaxed) {
                if let Ok((length, peer)) = unix.recv_from(&mut buffer) {
                    flood = Some((answer(&buffer[..length]), peer));
                }
                match &flood {
                    Some((answer, peer)) => drop(unix.send_to_addr(answer, peer)),
                    None => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Self {
            endpoints,
            stop,
            _directory: directory,
        }
    }
}

impl Drop for Floods {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Runs `bullhorn` with at most 200 MB of memory and limited time.
fn run_in_little_memory(arguments: &[&str]) -> Ended {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -v 200000; exec timeout -s KILL 50 \"$@\"",
        "sh",
    ]);
    run(command.arg(program()).args(arguments), b"")
}

fn send_without_an_end(peer: &mut dyn Peer, bytes: &[u8]) {
    let _ = peer.read(&mut [0; 64]);
    let bytes = bytes.repeat(10_000);
    while peer.write_all(&bytes).is_ok() {}
}

#[test]
fn send_rejects_an_endless_answer_at_once() {
    let (_directory, endpoints) = streams(|peer| send_without_an_end(peer, b"A"));
    for endpoint in &endpoints {
        let begin = Instant::now();
        let ended = run_in_little_memory(&["send", "--timeout", "40s", endpoint, "aaa"]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stdout.len() < 100_000);
        assert!(begin.elapsed() < SOON);
    }
}

#[test]
fn send_does_not_wait_for_the_rest_of_a_wrong_answer() {
    let (_directory, endpoints) = streams(|peer| {
        let _ = peer.read(&mut [0; 64]);
        let _ = peer.write_all(b"WRO");
        // Open for longer than the test waits.
        std::thread::sleep(2 * SOON);
    });
    for endpoint in &endpoints {
        let begin = Instant::now();
        let ended = run_in_little_memory(&["send", "--timeout", "40s", endpoint, "right"]);
        assert_eq!(
            (ended.code, ended.text().as_str()),
            (3, "WRO\n"),
            "{}",
            ended.stderr
        );
        assert!(begin.elapsed() < SOON);
    }
}

#[test]
fn a_trickling_answer_does_not_extend_the_timeout() {
    let (_directory, endpoints) = streams(|peer| {
        let _ = peer.read(&mut [0; 1024]);
        while peer.write_all(b"A").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    for endpoint in &endpoints {
        let begin = Instant::now();
        let ended = run_in_little_memory(&["send", endpoint, &"a".repeat(1000)]);
        assert_eq!(ended.code, 5, "{}", ended.stderr);
        assert!(ended.stderr.contains("no answer"), "{}", ended.stderr);
        assert!(begin.elapsed() < SOON);
    }
}

#[test]
fn a_long_text_over_a_slow_but_steady_connection_is_answered() {
    const LENGTH: usize = 1 << 20;
    let (_directory, endpoints) = streams(|peer| {
        let pause = || std::thread::sleep(Duration::from_millis(100));
        let mut chunk = vec![0; LENGTH / 16];
        let mut missing = LENGTH + 1;
        while missing > 0 {
            let most = missing.min(chunk.len());
            let Ok(length) = peer.read(&mut chunk[..most]) else {
                return;
            };
            missing -= length;
            pause();
        }
        for _ in 0..16 {
            let _ = peer.write_all(&vec![b'A'; LENGTH / 16]);
            pause();
        }
        let _ = peer.write_all(b"\n");
    });
    let mut line = vec![b'a'; LENGTH];
    line.push(b'\n');
    for endpoint in &endpoints {
        let ended = run(bullhorn().args(["send", endpoint]), &line);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout, line.to_ascii_uppercase());
    }
}

#[test]
fn endless_late_copies_do_not_extend_the_timeout() {
    let floods = Floods::start(|_| b"FIRST".to_vec());
    for endpoint in &floods.endpoints {
        let begin = Instant::now();
        let arguments = ["--timeout", "300ms", "--retries", "1", "--window", "1"];
        let mut command = vec!["send", endpoint, "first", "second"];
        command.extend(arguments);
        let ended = run_in_little_memory(&command);
        assert_eq!(
            (ended.code, ended.text().as_str()),
            (5, "FIRST\n"),
            "{}",
            ended.stderr
        );
        assert!(begin.elapsed() < SOON);
    }
}

#[test]
fn unsolicited_bytes_are_not_read_into_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let mut command = bullhorn();
    command.args(["send", &endpoint]).stdin(Stdio::piped());
    let _sending = Running::start(&mut command);
    let (mut peer, _) = listener.accept().unwrap();
    peer.set_write_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let taken = (0..200)
        .take_while(|_| peer.write_all(&chunk).is_ok())
        .count();
    assert!(taken < 100, "{taken} MiB");
}

#[test]
fn ping_ends_with_little_output_when_answers_are_endless() {
    let floods = Floods::start(<[u8]>::to_ascii_uppercase);
    for endpoint in &floods.endpoints {
        let ended = run_in_little_memory(&["ping", "-c", "3", "-i", "100ms", endpoint, "--json"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.len() < 100_000);
        let summary = ended.summary();
        assert_eq!(summary["ok"], 3, "{summary}");
        assert!(summary["duplicate"].as_u64().unwrap() > 100, "{summary}");
    }
    let floods = Floods::start(|_| b"unsolicited".to_vec());
    for endpoint in &floods.endpoints {
        let ended = run_in_little_memory(&["ping", "-c", "3", "-i", "100ms", endpoint]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stdout.len() < 100_000);
    }
}

#[test]
fn ping_ends_with_little_output_when_lines_are_endless() {
    for bytes in [&b"\n"[..], b"A"] {
        let (_directory, endpoints) = match bytes {
            b"\n" => streams(|peer| send_without_an_end(peer, b"\n")),
            _ => streams(|peer| send_without_an_end(peer, b"A")),
        };
        for endpoint in &endpoints {
            let ended = run_in_little_memory(&["ping", "-c", "3", "-i", "100ms", endpoint]);
            assert_eq!(ended.code, 3, "{bytes:?} {} {}", ended.text(), ended.stderr);
            assert!(ended.stdout.len() < 100_000, "{bytes:?}");
        }
    }
}

#[test]
fn ping_ends_on_a_signal_during_endless_answers() {
    let (_directory, endpoints) = streams(|peer| send_without_an_end(peer, b"\n"));
    let floods = Floods::start(|_| b"unsolicited".to_vec());
    for endpoint in endpoints.iter().chain(&floods.endpoints) {
        let mut command = bullhorn();
        command.args(["ping", endpoint]).stdout(Stdio::piped());
        let mut ping = Running::start(&mut command);
        let mut stdout = ping.child.stdout.take().unwrap();
        // The second answer shows that the flood has begun.
        let mut shown = vec![0; 200];
        stdout.read_exact(&mut shown).unwrap();
        let rest = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        ping.signal("INT");
        let begin = Instant::now();
        assert_eq!(ping.wait().code(), Some(3), "{endpoint}");
        assert!(begin.elapsed() < TEST_TIMEOUT / 3);
        assert!(rest.join().unwrap().unwrap() < 100_000);
    }
}
