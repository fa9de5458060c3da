//! A sender on a Unix socket is known only by a path: the socket at that path must be its own.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Served, TEST_TIMEOUT, Totals, find_program, run, run_bullhorn, skipped};

const BACKENDS: [&str; 2] = ["batched", "plain"];

/// A directory in which every user may bind, a server in it, and its path.
fn serve(options: &[&str]) -> (TempDir, Served, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let path = directory.path().join("server");
    let endpoint = format!("unixgram:{}", path.display());
    let served = Served::start(&[&[endpoint.as_str(), "--unix-mode", "0666"], options].concat());
    (directory, served, path)
}

fn dropped_by(totals: &Totals, cause: &str) -> u64 {
    totals.summary["endpoints"][0]["dropped_by"][cause]
        .as_u64()
        .unwrap_or_default()
}

/// Sends `text` from `own`, which by then is a link to `target`.
fn send_as_link(own: &Path, target: &Path, text: &[u8], server: &Path) {
    let attacker = UnixDatagram::bind(own).unwrap();
    std::fs::remove_file(own).unwrap();
    symlink(target, own).unwrap();
    attacker.send_to(text, server).unwrap();
}

#[test]
fn an_answer_follows_no_link_to_another_socket() {
    for backend in BACKENDS {
        let (directory, served, server) = serve(&["--backend", backend]);
        let victim = UnixDatagram::bind(directory.path().join("victim")).unwrap();
        let link = directory.path().join("link");
        send_as_link(
            &link,
            &directory.path().join("victim"),
            b"stopping=1",
            &server,
        );
        assert_eq!(run_bullhorn(["send", served.endpoint(), "a"]).text(), "A\n");
        let totals = served.stop();
        totals.assert_datagrams(2, 1, 1);
        assert_eq!(dropped_by(&totals, "not_senders_socket"), 1, "{totals:?}");
        victim.set_nonblocking(true).unwrap();
        assert!(victim.recv(&mut [0; 64]).is_err(), "the victim was reached");
    }
}

#[test]
fn a_link_to_the_server_itself_starts_no_exchange() {
    for backend in BACKENDS {
        let (directory, served, server) = serve(&["--backend", backend]);
        send_as_link(&directory.path().join("link"), &server, b"PING", &server);
        assert_eq!(run_bullhorn(["send", served.endpoint(), "a"]).text(), "A\n");
        served.stop().assert_datagrams(2, 1, 1);
    }
}

#[test]
fn a_hard_link_to_the_servers_own_socket_starts_no_exchange() {
    let (directory, served, server) = serve(&[]);
    let own = directory.path().join("own");
    let attacker = UnixDatagram::bind(&own).unwrap();
    std::fs::remove_file(&own).unwrap();
    std::fs::hard_link(&server, &own).unwrap();
    attacker.send_to(b"PING", &server).unwrap();
    assert_eq!(run_bullhorn(["send", served.endpoint(), "a"]).text(), "A\n");
    let totals = served.stop();
    totals.assert_datagrams(3, 2, 1);
    assert_eq!(dropped_by(&totals, "source_is_ours"), 1, "{totals:?}");
}

#[test]
fn two_servers_connected_as_peers_stop_answering_each_other() {
    let (_first, here, here_path) = serve(&[]);
    let (directory, there, there_path) = serve(&[]);
    let own = directory.path().join("own");
    let attacker = UnixDatagram::bind(&own).unwrap();
    std::fs::remove_file(&own).unwrap();
    std::fs::hard_link(&there_path, &own).unwrap();
    attacker.send_to(b"PING", &here_path).unwrap();
    // What waits in a queue is answered before later datagrams, so that each text here advances the
    // exchange by at least one.
    for _ in 0..25 {
        for endpoint in [here.endpoint(), there.endpoint()] {
            assert_eq!(run_bullhorn(["send", endpoint, "a"]).text(), "A\n");
        }
    }
    let (here, there) = (here.stop(), there.stop());
    let received = |it: &Totals| it.summary["received"].as_u64().unwrap();
    assert!(
        received(&here) + received(&there) < 50 + 50,
        "{here:?} {there:?}"
    );
    let ended = dropped_by(&here, "loop_suspected") + dropped_by(&there, "loop_suspected");
    assert_eq!(ended, 1, "{here:?} {there:?}");
}

#[test]
fn a_client_that_rebinds_its_path_gets_its_own_answers() {
    for backend in BACKENDS {
        let (directory, served, server) = serve(&["--backend", backend]);
        let path = directory.path().join("client");
        // The earlier ones stay open, so that an answer to one of them would be lost here.
        let mut clients = Vec::new();
        for number in 0..20 {
            let client = UnixDatagram::bind(&path).unwrap();
            client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
            client
                .send_to(format!("n{number}").as_bytes(), &server)
                .unwrap();
            let mut answer = [0; 8];
            let length = client.recv(&mut answer).unwrap();
            assert_eq!(&answer[..length], format!("N{number}").as_bytes());
            std::fs::remove_file(&path).unwrap();
            clients.push(client);
        }
        served.stop().assert_datagrams(20, 20, 0);
    }
}

/// Run as a user who is not root: a socket of `mode` at `own` sends a request and prints the
/// answer; with a target, `own` becomes a link to it before the request.
const CLIENT: &str = "
import os, socket, sys
own, server, mode, target = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(own)
os.chmod(own, int(mode, 8))
if target == 'hidden':
    s.sendto(b'hello', server)
elif target:
    os.unlink(own)
    os.symlink(target, own)
    s.sendto(b'mainpid=4242', server)
else:
    s.settimeout(60)
    s.sendto(b'hello', server)
    print(s.recv(100).decode())
";

/// Runs [`CLIENT`] as user 1234; `None` where that is not possible.
fn as_a_user(own: &Path, server: &Path, mode: &str, target: &str) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        skipped("only root may become another user");
        return None;
    }
    let (setpriv, python) = (find_program("setpriv")?, Path::new("/usr/bin/python3"));
    if !python.exists() {
        skipped("there is no /usr/bin/python3");
        return None;
    }
    let mut command = Command::new(setpriv);
    command.args(["--reuid=1234", "--regid=1234", "--clear-groups"]);
    command.arg(python).args(["-c", CLIENT]).args([own, server]);
    let ended = run(command.args([mode, target]), b"");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    Some(ended.text())
}

#[test]
fn a_user_cannot_make_the_server_write_where_the_user_may_not() {
    for (options, mode) in [(&[][..], 0o600), (&["--user", "nobody"], 0o777)] {
        if !rustix::process::geteuid().is_root() {
            return skipped("only root can pass capabilities on");
        }
        let (directory, served, server) = serve(options);
        let victim_path = directory.path().join("victim");
        let victim = UnixDatagram::bind(&victim_path).unwrap();
        std::fs::set_permissions(&victim_path, PermissionsExt::from_mode(mode)).unwrap();
        let own = directory.path().join("own");
        if as_a_user(&own, &server, "0777", victim_path.to_str().unwrap()).is_none() {
            return;
        }
        let totals = served.stop();
        totals.assert_datagrams(1, 0, 1);
        assert_eq!(dropped_by(&totals, "not_senders_socket"), 1, "{totals:?}");
        victim.set_nonblocking(true).unwrap();
        assert!(victim.recv(&mut [0; 64]).is_err(), "the victim was reached");
    }
}

#[test]
fn root_answers_a_users_private_socket_only_with_the_flag() {
    let (directory, served, server) = serve(&[]);
    let own = |name: &str| directory.path().join(name);
    let Some(answer) = as_a_user(&own("open"), &server, "0777", "") else {
        return;
    };
    assert_eq!(answer, "HELLO\n");
    as_a_user(&own("private"), &server, "0755", "hidden");
    let totals = served.stop();
    totals.assert_datagrams(2, 1, 1);
    assert_eq!(dropped_by(&totals, "not_permitted"), 1, "{totals:?}");
    assert!(
        totals.stderr.contains("--answer-private-sockets"),
        "{totals:?}"
    );

    let (directory, _served, server) = serve(&["--answer-private-sockets"]);
    let answer = as_a_user(&directory.path().join("private"), &server, "0755", "");
    assert_eq!(answer.as_deref(), Some("HELLO\n"));
}
