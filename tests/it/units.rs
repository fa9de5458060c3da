//! The units in `deploy/systemd`: the result of systemd's own audit, and that the server works
//! within their restrictions.
//!
//! These tests run without systemd. So each restriction is imposed on the server by other means, or
//! compared with the record of all system calls from its first to its last. What
//! `tests/systemd/run` found under a real systemd is checked as rules.

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{
    Served, TEST_TIMEOUT, bullhorn, clean, find_program, run, run_bullhorn, skipped,
};

const SERVICES: [&str; 2] = ["bullhorn.service", "bullhorn-standalone.service"];

fn unit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy/systemd")
        .join(name)
}

const SOCKET: &str = "bullhorn.socket";

/// The values of `key` in the unit, one per line.
fn settings(name: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(unit(name)).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(found, _)| *found == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}

#[test]
fn the_audit_of_systemd_finds_no_more_exposure_than_this() {
    let Some(analyze) = find_program("systemd-analyze") else {
        return;
    };
    // In tenths; the second one needs the network, which the first one does not.
    for (name, threshold) in SERVICES.into_iter().zip([5, 12]) {
        let mut command = Command::new(&analyze);
        command.args(["security", "--offline=true", "--no-pager"]);
        command.arg(format!("--threshold={threshold}"));
        let ended = run(command.arg(unit(name)), b"");
        if ended.stderr.contains("unrecognized option") {
            return skipped("this systemd-analyze cannot audit a file");
        }
        let text = ended.text();
        assert!(text.contains("Overall exposure level"), "{}", ended.stderr);
        let exposures = text.lines().filter(|line| !line.starts_with('✓'));
        let exposures: Vec<_> = exposures.collect();
        assert_eq!(ended.code, 0, "{name}: {exposures:#?} {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{name}");
    }
}

#[test]
fn systemd_reads_every_line_of_the_units() {
    let Some(analyze) = find_program("systemd-analyze") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let program = bullhorn().get_program().to_string_lossy().into_owned();
    for name in SERVICES.into_iter().chain([SOCKET]) {
        let text = fs::read_to_string(unit(name)).unwrap();
        let installed = text.replace("/usr/local/bin/bullhorn", &program);
        fs::write(directory.path().join(name), installed).unwrap();
    }
    for name in SERVICES.into_iter().chain([SOCKET]) {
        let mut command = Command::new(&analyze);
        command.args(["verify", "--man=no"]);
        let ended = run(command.arg(directory.path().join(name)), b"");
        let ours = ended.stderr.lines().filter(|it| it.contains("bullhorn"));
        assert_eq!(ours.collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

/// With the default limit, a sixth start within ten seconds ends the service and closes its
/// sockets.
#[test]
fn systemd_never_gives_up_on_the_units() {
    for name in SERVICES {
        assert_eq!(settings(name, "StartLimitIntervalSec"), ["0"], "{name}");
        assert_eq!(settings(name, "Restart"), ["always"], "{name}");
        // A service that restarts at once, forever, would use a whole CPU.
        assert_eq!(settings(name, "RestartSec").len(), 1, "{name}");
    }
    assert_eq!(settings(SOCKET, "TriggerLimitIntervalSec"), ["0"]);
}

/// Units that only exclude each other are stopped and started at the same time: one finds its port
/// taken, or the other removes its files.
#[test]
fn one_service_has_stopped_before_the_other_starts() {
    let [_, standalone] = SERVICES;
    assert_eq!(settings(standalone, "Conflicts"), [SOCKET]);
    let after = settings(standalone, "After").join(" ");
    assert!(after.split_whitespace().any(|it| it == SOCKET), "{after}");
}

/// The calls that the unit allows, its sets spelled out by systemd itself.
fn allowed_calls(analyze: &Path, name: &str) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for line in settings(name, "SystemCallFilter") {
        let (refused, words) = match line.strip_prefix('~') {
            Some(words) => (true, words),
            None => (false, line.as_str()),
        };
        let mut calls = BTreeSet::new();
        for word in words.split_whitespace() {
            spell_out(analyze, word, &mut calls);
        }
        if refused {
            allowed.retain(|call| !calls.contains(call));
        } else {
            allowed.extend(calls);
        }
    }
    allowed
}

fn spell_out(analyze: &Path, word: &str, calls: &mut BTreeSet<String>) {
    if !word.starts_with('@') {
        calls.insert(word.to_owned());
        return;
    }
    let ended = run(Command::new(analyze).args(["syscall-filter", word]), b"");
    assert_eq!(ended.code, 0, "{word}: {}", ended.stderr);
    for line in ended.text().lines().skip(1).map(str::trim) {
        if !line.is_empty() && !line.starts_with('#') {
            spell_out(analyze, line, calls);
        }
    }
}

/// Serves under strace without any capability, sends a request to every endpoint, and returns all
/// calls from the first to the last.
fn record(arguments: &[&str], stdin: Stdio, ask: &dyn Fn(&str)) -> Option<Vec<String>> {
    let strace = find_program("strace")?;
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut command = clean(Command::new(strace));
    command.args(["-D", "-f", "-qq", "-o"]).arg(&log);
    if let Some(setpriv) = find_program("setpriv")
        && run(
            Command::new(&setpriv).args(["--bounding-set=-all", "true"]),
            b"",
        )
        .code
            == 0
    {
        // The recorded calls begin with the server's own.
        command = clean(Command::new(setpriv));
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]);
        command.args(["strace", "-D", "-f", "-qq", "-o"]).arg(&log);
    }
    command.arg(bullhorn().get_program());
    command
        .args(["serve", "--json"])
        .args(arguments)
        .stdin(stdin);
    let count = arguments.iter().filter(|it| it.contains(':')).count();
    let served = Served::start_command(&mut command, count);
    served.endpoints.iter().for_each(|endpoint| ask(endpoint));
    assert_eq!(served.stop().code, Some(0));
    let log = fs::read_to_string(log).unwrap();
    let calls = log.lines().filter_map(|line| line.split_once(' '));
    Some(calls.map(|(_, call)| call.trim().to_owned()).collect())
}

fn names(calls: &[String]) -> BTreeSet<String> {
    let names = calls.iter().filter_map(|call| call.split_once('('));
    let is_name = |name: &&str| {
        name.chars()
            .all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    names
        .map(|(name, _)| name)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

fn assert_allowed(name: &str, calls: &[String]) {
    let analyze = find_program("systemd-analyze").unwrap();
    let mut allowed = allowed_calls(&analyze, name);
    assert!(!allowed.contains("mount") && !allowed.contains("setuid"));
    // Made by the starting program, not by the server.
    allowed.insert("execve".to_owned());
    let names = names(calls);
    assert!(names.contains("recvmmsg") && names.contains("exit_group"));
    let beyond: Vec<_> = names.difference(&allowed).collect();
    assert!(beyond.is_empty(), "{name}: {beyond:?}");

    let families = settings(name, "RestrictAddressFamilies").join(" ");
    let families: Vec<_> = families.split_whitespace().collect();
    for call in calls.iter().filter(|call| call.starts_with("socket")) {
        let family = call.split(['(', ',']).nth(1).unwrap();
        assert!(families.contains(&family), "{name}: {call}");
    }
    // MemoryDenyWriteExecute, RestrictNamespaces, RestrictRealtime, LockPersonality and
    // RestrictSUIDSGID filter arguments.
    for call in calls {
        let (call_name, arguments) = call.split_once('(').unwrap_or((call, ""));
        let forbidden: &[&str] = match call_name {
            "mmap" if arguments.contains("PROT_EXEC") => &["PROT_WRITE"],
            "mprotect" | "pkey_mprotect" => &["PROT_EXEC"],
            "clone" | "clone3" => &["CLONE_NEW"],
            "sched_setscheduler" => &["SCHED_FIFO", "SCHED_RR"],
            "chmod" | "fchmod" | "fchmodat" => &["S_ISUID", "S_ISGID"],
            "personality" | "unshare" | "setns" => &[""],
            _ => &[],
        };
        let found = forbidden.iter().find(|word| arguments.contains(**word));
        assert_eq!(found, None, "{name}: {call}");
    }
}

fn can_record() -> bool {
    let strace = find_program("strace").map(|strace| {
        let traced = Command::new(strace).args(["-D", "-f", "true"]).output();
        traced.is_ok_and(|output| output.status.success())
    });
    if strace == Some(false) {
        skipped("strace is not permitted to trace here");
    }
    strace == Some(true) && find_program("systemd-analyze").is_some()
}

fn ask(endpoint: &str) {
    let ended = run_bullhorn(["send", endpoint, "a"]);
    assert_eq!(ended.text(), "A\n", "{endpoint}: {}", ended.stderr);
}

#[test]
fn the_unit_allows_every_call_of_a_server_that_binds_its_own_sockets() {
    if !can_record() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display();
    let endpoints = [
        "udp://127.0.0.1:0".to_owned(),
        "tcp://127.0.0.1:0".to_owned(),
        format!("unix:{path}/s"),
        format!("unixgram:{path}/d"),
    ];
    let [udp, tcp, unix, unixgram] = &endpoints;
    let arguments = [
        udp,
        tcp,
        unix,
        unixgram,
        "--unix-mode",
        "0666",
        "--workers",
        "2",
    ];
    let calls = record(&arguments, Stdio::null(), &ask).unwrap();
    assert_allowed("bullhorn-standalone.service", &calls);
}

#[test]
fn the_unit_allows_every_call_of_a_server_with_a_socket_from_systemd() {
    if !can_record() {
        return;
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let calls = record(&["fd:0"], OwnedFd::from(socket).into(), &ask).unwrap();
    assert_allowed("bullhorn.service", &calls);
}

#[test]
fn an_inherited_socket_is_answered_on_without_network_files_and_new_code() {
    let (Some(unshare), Some(_), Some(_), Some(_)) = (
        find_program("unshare"),
        find_program("setpriv"),
        find_program("prlimit"),
        find_program("python3"),
    ) else {
        return;
    };
    // PrivateNetwork, ProtectSystem=strict, ProtectProc and ProcSubset, an empty
    // CapabilityBoundingSet, NoNewPrivileges, LimitNOFILE, MemoryDenyWriteExecute (PR_SET_MDWE).
    const RESTRICTED: &str = r#"
        set -e
        mount -o remount,ro,bind /
        mount -t tmpfs -o ro tmpfs /home
        mount -t proc -o subset=pid,hidepid=invisible proc /proc
        ! touch / 2>&-
        exec prlimit --nofile=1024 setpriv --bounding-set=-all --inh-caps=-all --no-new-privs \
            python3 -c '
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0:
    os.execv(sys.argv[1], sys.argv[1:])
sys.exit("no PR_SET_MDWE")
' "$0" serve --json fd:0
    "#;
    let isolated = ["--mount", "--net", "--ipc", "--uts"];
    let restricted = |program: &Path| {
        let mut command = clean(Command::new(&unshare));
        command.args(isolated).args(["sh", "-c", RESTRICTED]);
        command.arg(program);
        command
    };
    // The same with a program that ends at once shows whether all of it is possible here.
    let ended = run(&mut restricted(Path::new("/bin/true")), b"");
    if ended.code != 0 {
        return skipped(&format!("cannot restrict here: {}", ended.stderr.trim()));
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut command = restricted(Path::new(bullhorn().get_program()));
    command.stdin(OwnedFd::from(socket));
    let served = Served::start_command(&mut command, 1);
    let network = fs::read_link(format!("/proc/{}/ns/net", served.process.child.id()));
    assert_ne!(
        network.unwrap(),
        fs::read_link("/proc/self/ns/net").unwrap()
    );
    ask(served.endpoint());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.connect(("127.0.0.1", served.port(0))).unwrap();
    for number in 0..100 {
        client.send(format!("text {number}").as_bytes()).unwrap();
        let mut answer = [0; 16];
        let length = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..length], format!("TEXT {number}").as_bytes());
    }
    served.stop().assert_datagrams(101, 101, 0);
}
