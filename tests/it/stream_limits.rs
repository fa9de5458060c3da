//! Untrusted clients of streams: slow ones, many of them, resets, and descriptors used up.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::support::{
    Served, TEST_TIMEOUT, Totals, bullhorn, clean, find_program, own, skipped, wait_until,
};
use crate::support_strace::tampered_bullhorn;

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", served.port(0))).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether a request is answered; a server that rejects us resets or closes.
fn is_answered(stream: &mut (impl Read + Write)) -> bool {
    let mut answer = [0];
    stream.write_all(b"a").is_ok() && matches!(stream.read(&mut answer), Ok(1)) && answer == *b"A"
}

/// A connection with a small receive buffer.
fn connect_narrowly(served: &Served) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(8 << 10).unwrap();
    socket.set_send_buffer_size(8 << 10).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], served.port(0)));
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    socket.into()
}

/// Writes `text` repeatedly until writing blocks, and again until it stays blocked.
fn fill(streams: &mut [TcpStream], text: &[u8]) {
    for stream in &*streams {
        stream.set_nonblocking(true).unwrap();
    }
    let mut written = vec![0; streams.len()];
    let mut last_progress = Instant::now();
    while last_progress.elapsed() < Duration::from_millis(500) {
        for (stream, written) in streams.iter_mut().zip(&mut written) {
            while let Ok(length) = stream.write(&text[*written % text.len()..]) {
                *written += length;
                assert!(*written < 64 << 20, "it is read without end");
                last_progress = Instant::now();
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Ensures that this process may have this many descriptors.
fn may_open(descriptors: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.unwrap_or(u64::MAX) >= descriptors {
        return true;
    }
    let raised = Rlimit {
        current: Some(descriptors),
        maximum: limit.maximum,
    };
    let may = descriptors <= maximum && setrlimit(Resource::Nofile, raised).is_ok();
    if !may {
        skipped(&format!("this needs {descriptors} descriptors"));
    }
    may
}

/// The totals of the first endpoint, after checking their sums.
fn balanced(totals: &Totals) -> &Value {
    assert_eq!(totals.code, Some(0), "{totals:?}");
    let endpoint = &totals.summary["endpoints"][0];
    let number = |name: &str| endpoint[name].as_u64().unwrap();
    let causes = endpoint["dropped_by"].as_object().unwrap();
    let by_cause: u64 = causes.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(number("dropped"), by_cause, "{endpoint}");
    assert_eq!(
        number("accepted"),
        number("finished") + number("dropped"),
        "{endpoint}"
    );
    endpoint
}

#[test]
fn a_thousand_slow_senders_and_a_thousand_slow_readers_cost_little_and_delay_no_other_client() {
    const EACH: usize = 1000;
    if !may_open(3 * EACH as u64) {
        return;
    }
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut polite = connect(&served);
    assert!(is_answered(&mut polite));
    let before = served.resident();

    let mut senders: Vec<TcpStream> = (0..EACH).map(|_| connect(&served)).collect();
    let mut readers: Vec<TcpStream> = (0..EACH).map(|_| connect_narrowly(&served)).collect();
    // Grows threefold, the most that a text can grow.
    let text = "ΐ".repeat(2048);
    fill(&mut readers, text.as_bytes());
    let mut slowest = Duration::ZERO;
    for round in 0..3 {
        for (number, sender) in senders.iter_mut().enumerate() {
            // A character of two bytes, one of them now and one in the next round.
            sender.write_all(&"é".as_bytes()[round % 2..][..1]).unwrap();
            if number % 10 == 0 {
                let begin = Instant::now();
                assert!(is_answered(&mut polite));
                slowest = slowest.max(begin.elapsed());
            }
        }
    }
    // Loaded machines are slow, but a client that had to wait for the others would wait for
    // minutes.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let grown = served.resident().saturating_sub(before);
    // The answer to one first read for each reader, 2 KiB for each connection, and the buffers of
    // the threads.
    let bound = EACH * (3 * (16 << 10)) + 2 * EACH * (2 << 10) + (8 << 20);
    assert!(grown < bound as u64, "{grown} bytes and not {bound}");

    for sender in &mut senders {
        let mut answer = [0; 2];
        sender.read_exact(&mut answer).unwrap();
        assert_eq!(answer, "É".as_bytes());
    }
    for reader in &readers {
        SockRef::from(reader)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    drop(readers);
    assert!(is_answered(&mut polite));
    let totals = served.stop();
    let endpoint = balanced(&totals);
    assert_eq!(endpoint["accepted"], 2 * EACH + 1);
    assert_eq!(endpoint["finished"], EACH + 1);
    assert_eq!(endpoint["dropped_by"]["peer_reset"], EACH);
    // What is kept is counted: each reader had an answer pending.
    assert!(endpoint["unsent_bytes"].as_u64().unwrap() <= (EACH * 3 * (16 << 10)) as u64);
}

#[test]
fn a_peer_that_sends_much_at_once_and_reads_nothing_leaves_no_more_behind_than_a_slow_one() {
    const PEERS: usize = 8;
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut streams: Vec<TcpStream> = (0..PEERS).map(|_| connect_narrowly(&served)).collect();
    let text = "ΐ".repeat(2048);
    // Everything that the kernel holds is readable at once when the server continues, so it could
    // read much more than it can send.
    served.process.signal("STOP");
    fill(&mut streams, text.as_bytes());
    served.process.signal("CONT");
    fill(&mut streams, text.as_bytes());
    for stream in streams {
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    let totals = served.stop();
    let unsent = balanced(&totals)["unsent_bytes"].as_u64().unwrap();
    let bound = (PEERS * 3 * (16 << 10)) as u64;
    assert!(0 < unsent && unsent <= bound, "{unsent} bytes");
}

#[test]
fn the_whole_server_has_one_cap() {
    let unix = own("bullhorn-test-total");
    let served = Served::start(&[
        "tcp://127.0.0.1:0",
        &format!("unix:@{unix}"),
        "--max-connections-total",
        "2",
    ]);
    let connect_unix = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let address = SockAddr::unix(format!("\0{unix}")).unwrap();
        socket.connect(&address).unwrap();
        socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        UnixStream::from(std::os::fd::OwnedFd::from(socket))
    };
    let (mut first, mut second) = (connect(&served), connect_unix());
    assert!(is_answered(&mut first) && is_answered(&mut second));
    for _ in 0..3 {
        assert!(!is_answered(&mut connect(&served)));
        assert!(!is_answered(&mut connect_unix()));
    }
    assert!(is_answered(&mut first) && is_answered(&mut second));
    drop(first);
    wait_until("the end of a connection makes room", || {
        is_answered(&mut connect_unix())
    });
    let totals = served.stop();
    balanced(&totals);
    for endpoint in totals.summary["endpoints"].as_array().unwrap() {
        let dropped = endpoint["dropped_by"]["too_many_connections_total"].as_u64();
        assert!(dropped >= Some(1), "{endpoint}");
    }
    let warned = totals.stderr.matches("rejected connection from").count();
    assert_eq!(
        warned, 2,
        "once for each endpoint in 30 s: {}",
        totals.stderr
    );
}

/// Connects from each source address in turn, holds every connection, and reports which ones are
/// answered.
const FROM_ADDRESSES: &str = "
import socket, sys
held = []
for argument in sys.argv[1:]:
    source, port = argument.rsplit(',', 1)
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(60)
    s.bind((source, 0))
    held.append(s)
    try:
        s.connect((source, int(port)))
        s.send(b'a')
        print('yes' if s.recv(1) == b'A' else 'no')
    except ConnectionError:
        print('no')
";

#[test]
#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn an_ipv4_address_or_an_ipv6_prefix_has_a_limit_of_connections_and_loopback_has_none() {
    let programs = ["unshare", "nsenter", "ip", "python3"].map(find_program);
    let [Some(unshare), Some(nsenter), Some(_), Some(python)] = programs else {
        return;
    };
    let preparation = "ip link set lo up && ip address add 192.0.2.1/32 dev lo && \
        ip address add 192.0.2.2/32 dev lo && for a in 1::1 1::2 1::3 2::1 \
        3::1 4::1 100::1 200::1 300::1 400::1 500::1; do \
        ip address add 2001:db8:0:$a/128 dev lo nodad || exit; done";
    let is_prepared = Command::new(&unshare)
        .args(["--net", "sh", "-c", preparation])
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_prepared {
        return skipped("a network namespace with IPv6 needs CAP_SYS_ADMIN");
    }
    let mut command = clean(Command::new(unshare));
    command
        .args([
            "--net",
            "sh",
            "-c",
            &format!("{preparation}; exec \"$0\" \"$@\""),
        ])
        .arg(bullhorn().get_program())
        .args(["serve", "--json", "tcp://0.0.0.0:0", "tcp://[::]:0"])
        .args(["--max-connections-per-address", "2"])
        .stdin(Stdio::null());
    let served = Served::start_command(&mut command, 2);
    let expected = [
        ("192.0.2.1", true),
        ("192.0.2.1", true),
        ("192.0.2.1", false),
        ("192.0.2.2", true),
        ("127.0.0.1", true),
        ("127.0.0.1", true),
        ("127.0.0.1", true),
        ("2001:db8:0:1::1", true),
        ("2001:db8:0:1::2", true),
        ("2001:db8:0:1::3", false),
        ("2001:db8:0:2::1", true),
        // The /56 has twice as many, the /48 four times.
        ("2001:db8:0:3::1", true),
        ("2001:db8:0:4::1", false),
        ("2001:db8:0:100::1", true),
        ("2001:db8:0:200::1", true),
        ("2001:db8:0:300::1", true),
        ("2001:db8:0:400::1", true),
        ("2001:db8:0:500::1", false),
        ("::1", true),
        ("::1", true),
        ("::1", true),
    ];
    let arguments = expected.map(|(source, _)| {
        let port = served.port(usize::from(source.contains(':')));
        format!("{source},{port}")
    });
    let output = Command::new(nsenter)
        .args(["--net", "--target", &served.process.child.id().to_string()])
        .arg(python)
        .args(["-c", FROM_ADDRESSES])
        .args(arguments)
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&output.stdout);
    let answered: Vec<bool> = lines.lines().map(|line| line == "yes").collect();
    assert_eq!(
        answered,
        expected.map(|(_, answered)| answered),
        "{output:?}"
    );
    let totals = served.stop();
    balanced(&totals);
    for (endpoint, refused) in totals.summary["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .zip([1, 3])
    {
        assert_eq!(endpoint["dropped_by"]["too_many_from_address"], refused);
    }
}

#[test]
fn a_peer_that_takes_nothing_is_dropped_even_if_it_goes_on_sending() {
    let name = own("bullhorn-test-write-timeout");
    let served = Served::start(&[
        "tcp://127.0.0.1:0",
        &format!("unix:@{name}"),
        "--write-timeout",
        "300ms",
        "--idle-timeout",
        "off",
    ]);
    let unix = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let address = SockAddr::unix(format!("\0{name}")).unwrap();
    unix.connect(&address).unwrap();
    let tcp = Socket::from(connect(&served));
    let mut silent = connect(&served);
    for socket in [tcp, unix] {
        socket.set_nonblocking(true).unwrap();
        let begin = Instant::now();
        wait_until("the connection is closed", || {
            match socket.send(&[b'x'; 4096]) {
                Ok(_) => false,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(300));
    }
    // A client without requests has nothing to read.
    assert!(is_answered(&mut silent));
    let totals = served.stop();
    balanced(&totals);
    for endpoint in totals.summary["endpoints"].as_array().unwrap() {
        assert_eq!(endpoint["dropped_by"]["write_timeout"], 1, "{endpoint}");
        assert!(endpoint["unsent_bytes"].as_u64() > Some(0), "{endpoint}");
    }
}

#[test]
fn a_peer_that_takes_its_answer_in_small_pieces_is_not_dropped() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let served = Served::start(&["tcp://127.0.0.1:0", "--write-timeout", "2s"]);
    let text = b"abcdefgh".repeat(512);
    let mut streams = [connect_narrowly(&served)];
    fill(&mut streams, &text);
    let [mut stream] = streams;
    stream.set_nonblocking(false).unwrap();
    // So little that the kernel does not request more from the server within the timeout.
    let mut sip = [0; 2048];
    let begin = Instant::now();
    let mut taken = 0;
    while begin.elapsed() < 3 * TIMEOUT {
        stream.read_exact(&mut sip).unwrap();
        assert_eq!(sip, *b"ABCDEFGH".repeat(256));
        taken += sip.len();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(taken < 256 << 10, "not small pieces: {taken} bytes");
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    drop(stream);
    let totals = served.stop();
    let endpoint = balanced(&totals);
    assert_eq!(endpoint["finished"], 1, "{endpoint}");
    assert_eq!(endpoint["answered_bytes"], taken + rest.len());
}

/// Bytes that it has sent and the server has not read must not keep the server awake.
#[test]
fn a_peer_that_does_not_read_costs_no_processor_time_and_is_served_once_it_does() {
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut peer = connect(&served);
    peer.set_nonblocking(true).unwrap();
    let mut sent = 0_u64;
    let mut full = Instant::now();
    // Full for a while: the server has stopped reading.
    while full.elapsed() < Duration::from_millis(300) {
        match peer.write(&[b'x'; 65_536]) {
            Ok(length) => {
                sent += length as u64;
                full = Instant::now();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    let (begin, used) = (Instant::now(), processor_time(&served));
    std::thread::sleep(Duration::from_secs(1));
    let share = (processor_time(&served) - used).as_secs_f64() / begin.elapsed().as_secs_f64();
    assert!(share < 0.05, "{:.1} % of a processor", 100.0 * share);
    peer.set_nonblocking(false).unwrap();
    peer.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len() as u64, sent);
    assert!(answer.iter().all(|byte| *byte == b'X'));
    balanced(&served.stop());
}

/// The processor time that a process has used.
fn processor_time(served: &Served) -> Duration {
    let path = format!("/proc/{}/stat", served.process.child.id());
    let text = std::fs::read_to_string(path).unwrap();
    // utime and stime, the 14th and 15th, after the name, which ends with the last parenthesis.
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks = |index: usize| {
        fields
            .split(' ')
            .nth(index)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn with_descriptors(limits: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = clean(Command::new(find_program("prlimit")?));
    command.arg(format!("--nofile={limits}"));
    command.arg(bullhorn().get_program());
    command.args(["serve", "--json"]).args(arguments);
    command.stdin(Stdio::null());
    Some(command)
}

#[test]
fn without_descriptors_nothing_spins_and_all_are_served_when_others_close() {
    const CLIENTS: usize = 200;
    let endpoints = ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"];
    let Some(mut command) = with_descriptors("64:64", &endpoints) else {
        return;
    };
    let served = Served::start_command(&mut command, 2);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&served)).collect();
    for client in &mut clients {
        client.write_all(b"a").unwrap();
        client.set_nonblocking(true).unwrap();
    }
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(("127.0.0.1", served.port(1))).unwrap();
    udp.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let begin = Instant::now();
    let used = processor_time(&served);
    let mut asked = 0;
    while begin.elapsed() < Duration::from_secs(3) {
        udp.send(b"still there?").unwrap();
        let mut answer = [0; 64];
        let length = udp.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], b"STILL THERE?");
        asked += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    let share = (processor_time(&served) - used).as_secs_f64() / begin.elapsed().as_secs_f64();
    assert!(share < 0.05, "{:.1} % of a processor", 100.0 * share);
    // Each closes once it is answered, and so makes room for the next.
    let mut rounds = 0;
    wait_until("every client is answered", || {
        rounds += 1;
        clients.retain_mut(|client| {
            let mut answer = [0];
            match client.read(&mut answer) {
                Ok(1) => answer != *b"A",
                Err(error) if error.kind() == ErrorKind::WouldBlock => true,
                other => panic!("{other:?}"),
            }
        });
        clients.is_empty()
    });
    assert!(rounds > 1, "there were descriptors for all of them");
    assert!(is_answered(&mut connect(&served)));
    let totals = served.stop();
    let endpoint = balanced(&totals);
    assert_eq!(endpoint["finished"], CLIENTS + 1, "{endpoint}");
    assert!(
        endpoint["accept_failures"].as_u64() >= Some(1),
        "{endpoint}"
    );
    assert_eq!(totals.summary["answered"], asked);
    let words = totals.stderr.matches("no descriptors are left").count();
    assert_eq!(words, 1, "one line in 30 s: {}", totals.stderr);
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
    let Some(mut command) = with_descriptors("64:300", &["tcp://127.0.0.1:0"]) else {
        return;
    };
    let served = Served::start_command(&mut command, 1);
    let mut clients: Vec<TcpStream> = (0..200).map(|_| connect(&served)).collect();
    assert!(clients.iter_mut().all(is_answered));
    let totals = served.stop();
    assert_eq!(balanced(&totals)["accept_failures"], 0);
}

#[test]
fn an_accept_that_fails_is_counted_and_followed_by_one_that_does_not() {
    for error in [
        "ECONNABORTED",
        "EINTR",
        "EPERM",
        "ENETDOWN",
        "EPROTO",
        "ENOPROTOOPT",
        "EHOSTDOWN",
        "ENONET",
        "EHOSTUNREACH",
        "EOPNOTSUPP",
        "ENETUNREACH",
        "EMFILE",
        "ENFILE",
        "ENOBUFS",
        "ENOMEM",
    ] {
        let inject = format!("inject=accept4:error={error}:when=1+2");
        let Some(mut command) = tampered_bullhorn(&[&inject]) else {
            return;
        };
        command.args(["serve", "--json", "tcp://127.0.0.1:0"]);
        let served = Served::start_command(&mut command, 1);
        for _ in 0..3 {
            assert!(is_answered(&mut connect(&served)), "{error}");
        }
        let totals = served.stop();
        let endpoint = balanced(&totals);
        assert_eq!(endpoint["accepted"], 3, "{error}: {endpoint}");
        assert!(endpoint["accept_failures"].as_u64() >= Some(3), "{error}");
        assert_eq!(totals.stderr.lines().count(), 1, "{}", totals.stderr);
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "one scenario, step by step")]
fn resets_at_any_moment_are_counted_and_the_server_continues() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Deed {
        ConnectAlone,
        SendText,
        SendHalfACharacter,
        LeaveDuringTheAnswer,
        HalfCloseFirst,
        BehaveWell,
    }
    use Deed::*;
    const DEEDS: [Deed; 6] = [
        ConnectAlone,
        SendText,
        SendHalfACharacter,
        LeaveDuringTheAnswer,
        HalfCloseFirst,
        BehaveWell,
    ];
    let served = Served::start(&["tcp://127.0.0.1:0"]);
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) as usize % below
    };
    let chunk = vec![b'x'; 256 << 10];
    let mut counts = [0_u64; DEEDS.len()];
    let mut open: Vec<(Deed, TcpStream)> = Vec::new();
    let end = |(deed, mut stream): (Deed, TcpStream)| {
        if deed == BehaveWell {
            assert!(is_answered(&mut stream));
        } else {
            SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
    };
    for number in 0..600 {
        // Sometimes they all come and go before the server polls.
        match number % 100 {
            60 => served.process.signal("STOP"),
            80 => served.process.signal("CONT"),
            _ => {}
        }
        let is_stopped = (60..80).contains(&(number % 100));
        let deed = DEEDS[next(DEEDS.len() - usize::from(is_stopped))];
        counts[deed as usize] += 1;
        let mut stream = connect(&served);
        match deed {
            ConnectAlone | BehaveWell => {}
            SendText => stream.write_all(b"hello\n").unwrap(),
            SendHalfACharacter => stream.write_all(&[b'a', 0xc3]).unwrap(),
            LeaveDuringTheAnswer => {
                stream.set_nonblocking(true).unwrap();
                while stream.write(&chunk).is_ok() {}
            }
            HalfCloseFirst => {
                stream.write_all(b"hello\n").unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            }
        }
        open.push((deed, stream));
        while open.len() > next(30) {
            let index = next(open.len());
            if is_stopped && open[index].0 == BehaveWell {
                break;
            }
            end(open.swap_remove(index));
        }
    }
    open.into_iter().for_each(end);
    assert!(is_answered(&mut connect(&served)));
    let totals = served.stop();
    let endpoint = balanced(&totals);
    let count = |deed: Deed| counts[deed as usize];
    let number = |name: &str| endpoint[name].as_u64().unwrap();
    assert_eq!(number("accepted"), 601);
    // A client that half-closes may have received everything before the reset.
    let well = count(BehaveWell) + 1;
    assert!((well..=well + count(HalfCloseFirst)).contains(&number("finished")));
    assert_eq!(endpoint["dropped_by"]["peer_reset"], endpoint["dropped"]);
}

/// Connects from a socket bound to the path given, and prints the answer to a text.
const FROM_A_PATH: &str = r#"
use Socket;
my ($server, $client) = @ARGV;
socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die;
bind($socket, pack_sockaddr_un($client)) or die "bind: $!";
connect($socket, pack_sockaddr_un($server)) or die "connect: $!";
syswrite($socket, "hello");
sysread($socket, my $answer, 100);
print $answer;
"#;

#[test]
fn a_unix_client_may_be_bound_to_a_path_of_108_bytes() {
    // One that fills sun_path to its end, without a NUL (unix(7)); few languages can.
    let Some(perl) = find_program("perl") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("unix:{}/server", directory.path().display());
    let served = Served::start(&[&endpoint]);
    for length in [107, 108] {
        let output = Command::new(&perl)
            .current_dir(directory.path())
            .args(["-e", FROM_A_PATH, "server", &"x".repeat(length)])
            .output()
            .unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        assert_eq!(answer, "HELLO", "{length}: {output:?}");
    }
    let mut after = UnixStream::connect(directory.path().join("server")).unwrap();
    assert!(is_answered(&mut after));
    drop(after);
    assert_eq!(balanced(&served.stop())["finished"], 3);
}
