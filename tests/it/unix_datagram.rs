//! Unix datagrams: a client that does not read, or is gone, does not affect others.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::bind::kernel_setting;
use crate::support::{
    Served, TEST_TIMEOUT, bullhorn, find_program, run_bullhorn, skipped, wait_until,
};

#[test]
fn an_answer_that_finds_its_clients_queue_full_is_dropped_and_counted() {
    // The answers that wait in every client's queue share the send buffer of the one socket that
    // sent them (unix(7)): a long enough queue would use up the whole buffer.
    match kernel_setting("net/unix/max_dgram_qlen") {
        Some(0..=200) => {}
        Some(_) => return skipped("net.unix.max_dgram_qlen lets one queue take the send buffer"),
        None => return,
    }
    let directory = tempfile::tempdir().unwrap();
    let server_path = directory.path().join("server");
    let endpoint = format!("unixgram:{}", server_path.display());
    let served = Served::start(&[&endpoint]);
    let deaf = UnixDatagram::bind(directory.path().join("deaf")).unwrap();
    deaf.set_write_timeout(Some(TEST_TIMEOUT)).unwrap();
    for _ in 0..2000 {
        deaf.send_to(b"talk", &server_path).unwrap();
    }
    assert_eq!(
        run_bullhorn(["send", &endpoint, "and me?"]).text(),
        "AND ME?\n"
    );
    let totals = served.stop();
    deaf.set_nonblocking(true).unwrap();
    let mut buffer = [0; 16];
    let mut kept = 0;
    while let Ok(length) = deaf.recv(&mut buffer) {
        assert_eq!(&buffer[..length], b"TALK");
        kept += 1;
    }
    assert!((1..2000).contains(&kept), "{kept} answers were kept");
    totals.assert_datagrams(2001, kept + 1, 2000 - kept);
    let causes = &totals.summary["endpoints"][0]["dropped_by"];
    assert_eq!(causes["queue_full"], 2000 - kept, "{causes}");
}

#[test]
fn an_answer_to_a_client_that_is_gone_is_dropped_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let server_path = directory.path().join("server");
    let endpoint = format!("unixgram:{}", server_path.display());
    let served = Served::start(&[&endpoint]);
    // While stopped, the server cannot answer before both are gone.
    served.process.signal("STOP");
    let with_file = directory.path().join("closed");
    let without_file = directory.path().join("removed");
    for path in [&with_file, &without_file] {
        let client = UnixDatagram::bind(path).unwrap();
        client.send_to(b"are you there?", &server_path).unwrap();
    }
    // A program that another test is starting holds a copy until its exec.
    wait_until("the client is gone", || {
        UnixDatagram::unbound()
            .unwrap()
            .connect(&with_file)
            .is_err()
    });
    std::fs::remove_file(without_file).unwrap();
    served.process.signal("CONT");
    assert_eq!(run_bullhorn(["send", &endpoint, "I am"]).text(), "I AM\n");
    let totals = served.stop();
    totals.assert_datagrams(3, 1, 2);
    let causes = &totals.summary["endpoints"][0]["dropped_by"];
    assert_eq!(causes["peer_gone"], 2, "{causes}");
}

/// Sends "hello" from a path of any length, and prints the answer.
const FROM_A_PATH: &str = r#"
use Socket;
my ($server, $own) = @ARGV;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($socket, pack_sockaddr_un($own)) or die $!;
send($socket, "hello", 0, pack_sockaddr_un($server)) or die $!;
alarm 30;
recv($socket, my $answer, 100, 0);
print $answer;
"#;

#[test]
fn a_client_may_be_bound_to_a_path_of_108_bytes() {
    // One that fills sun_path to its end, without a NUL (unix(7)); few languages can.
    let Some(perl) = find_program("perl") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    for backend in ["batched", "plain"] {
        let arguments = ["serve", "--json", "unixgram:./server", "--backend", backend];
        // In the same directory as the client, so that its path means the same to both.
        let served =
            Served::start_command(bullhorn().current_dir(directory.path()).args(arguments), 1);
        for length in [107, 108] {
            let own: String = backend.chars().cycle().take(length).collect();
            let output = Command::new(&perl)
                .current_dir(directory.path())
                .args(["-e", FROM_A_PATH, "server", &own])
                .output()
                .unwrap();
            let answer = String::from_utf8_lossy(&output.stdout);
            assert_eq!(answer, "HELLO", "{length}: {output:?}");
        }
        served.stop().assert_datagrams(2, 2, 0);
    }
}
