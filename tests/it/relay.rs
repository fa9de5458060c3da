//! `send` through a relay that drops, duplicates and reorders: every line is still paired with its
//! own answer.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::{Served, bullhorn, capitals, joined, mixed_lines, run};

/// Of a hundred datagrams in each direction, this many are lost, and this many come twice.
const PERCENT: u64 = 5;

/// How many threads carry datagrams, each with one request at the server at a time.
const CARRIERS: u64 = 4;

struct Relay {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    carriers: Vec<JoinHandle<()>>,
}

impl Relay {
    fn to(server: SocketAddr) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let carriers = (1..=CARRIERS).map(|seed| {
            let (socket, stopping) = (socket.clone(), stopping.clone());
            std::thread::spawn(move || carry(&socket, server, &stopping, Random(seed)))
        });
        Self {
            address,
            carriers: carriers.collect(),
            stopping,
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for carrier in self.carriers.drain(..) {
            let _ = carrier.join();
        }
    }
}

/// splitmix64: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn happens(&mut self) -> bool {
        self.next() % 100 < PERCENT
    }
}

fn carry(clients: &UdpSocket, server: SocketAddr, stopping: &AtomicBool, mut random: Random) {
    let upstream = UdpSocket::bind("127.0.0.1:0").unwrap();
    upstream.connect(server).unwrap();
    upstream
        .set_read_timeout(Some(crate::support::TEST_TIMEOUT))
        .unwrap();
    let mut buffer = vec![0; 65_536];
    // Answers that others will overtake.
    let mut held: Vec<(Vec<u8>, SocketAddr)> = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let Ok((length, client)) = clients.recv_from(&mut buffer) else {
            continue;
        };
        if random.happens() {
            continue;
        }
        let request = buffer[..length].to_vec();
        let copies = if random.happens() { 2 } else { 1 };
        for _ in 0..copies {
            upstream.send(&request).unwrap();
            let length = upstream.recv(&mut buffer).unwrap();
            let answer = (buffer[..length].to_vec(), client);
            if random.happens() {
                continue;
            }
            if random.happens() {
                held.push(answer.clone());
            }
            if random.happens() {
                held.push(answer);
            } else {
                let _ = clients.send_to(&answer.0, answer.1);
            }
        }
        if held.len() > 8 {
            let index = random.next() as usize % held.len();
            let (answer, client) = held.swap_remove(index);
            let _ = clients.send_to(&answer, client);
        }
    }
}

#[test]
fn a_hundred_thousand_lines_survive_loss_copies_and_reordering() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    let relay = Relay::to(SocketAddr::from(([127, 0, 0, 1], served.port(0))));
    let lines = mixed_lines(100_000);
    let expected: Vec<_> = lines.iter().map(|line| capitals(line)).collect();
    let endpoint = format!("udp://{}", relay.address);
    let arguments = [
        "send",
        "-v",
        &endpoint,
        "--retries",
        "10",
        "--timeout",
        "100ms",
        "--window",
        "256",
    ];
    let ended = run(bullhorn().args(arguments), &joined(&lines));
    assert_eq!(
        ended.code,
        0,
        "{}",
        ended.stderr.lines().last().unwrap_or("")
    );
    assert!(ended.stdout == joined(&expected), "answers differ");
    // Otherwise the relay did too little for this to mean anything.
    assert!(
        ended.stderr.contains("ignored a late copy"),
        "{}",
        ended.stderr
    );
    drop(relay);
    let totals = served.stop();
    assert!(totals.summary["received"].as_u64() > Some(100_000));
    assert_eq!(totals.summary["received"], totals.summary["answered"]);
}
