//! The sandbox of `serve`, seen from outside: what its threads may not do, and that every endpoint
//! still answers; and `--user`.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{
    Running, Served, TEST_TIMEOUT, bullhorn, find_example, find_program, own, run, run_bullhorn,
    skipped,
};
use crate::support_strace::tampered_bullhorn;

/// `/proc/PID/task/*/status` or another one: the values of a key.
fn values(status: &str, key: &str) -> Vec<String> {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let values = line.unwrap_or_else(|| panic!("no {key} in {status}"));
    values.split_whitespace().map(str::to_owned).collect()
}

/// The status of each thread.
fn threads(served: &Served) -> Vec<String> {
    let tasks = format!("/proc/{}/task", served.process.child.id());
    fs::read_dir(tasks)
        .unwrap()
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect()
}

/// The number of seccomp filters that the tests themselves run under.
fn filters_around_us() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    values(&status, "Seccomp_filters:")[0].parse().unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// An endpoint of every type, two of them with files in the directory.
fn every_endpoint(directory: &Path, name: &str) -> Vec<String> {
    let path = directory.display();
    let mut endpoints = vec![
        "udp://127.0.0.1:0".to_owned(),
        "tcp://127.0.0.1:0".to_owned(),
        format!("unix:{path}/stream"),
        format!("unixgram:{path}/datagram"),
        format!("unixpacket:{path}/packet"),
        own(&format!("unix:@bullhorn-test-{name}")),
        own(&format!("unixgram:@bullhorn-test-{name}")),
    ];
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        endpoints.push("udp://[::1]:0".to_owned());
        endpoints.push("tcp://[::1]:0".to_owned());
    }
    endpoints
}

fn assert_answers(endpoint: &str) {
    let ended = run_bullhorn(["send", endpoint, "straße"]);
    assert_eq!(ended.text(), "STRASSE\n", "{endpoint}: {}", ended.stderr);
}

fn start(endpoints: &[String], options: &[&str]) -> Served {
    let mut command = bullhorn();
    command.args(["serve", "--json"]).args(endpoints);
    Served::start_command(command.args(options).stdin(Stdio::null()), endpoints.len())
}

/// Whether this kernel has both parts of the sandbox, as the server found.
fn is_whole(served: &Served) -> bool {
    let sandbox = &served.ready[0]["sandbox"];
    assert!(!sandbox.is_null(), "there is no sandbox");
    let whole = sandbox["seccomp"] == true && !sandbox["landlock_abi"].is_null();
    if !whole {
        skipped(&format!("the kernel lacks a part of it: {sandbox}"));
    }
    whole
}

#[test]
fn every_thread_is_restricted_and_every_endpoint_answers() {
    let directory = tempfile::tempdir().unwrap();
    let endpoints = every_endpoint(directory.path(), "restricted");
    let served = start(&endpoints, &["--workers", "2"]);
    if !is_whole(&served) {
        return;
    }
    for endpoint in &served.endpoints {
        assert_answers(endpoint);
    }
    let threads = threads(&served);
    assert!(threads.len() > endpoints.len() / 2, "{threads:?}");
    for status in &threads {
        assert_eq!(values(status, "NoNewPrivs:"), ["1"], "{status}");
        assert_eq!(values(status, "Seccomp:"), ["2"], "{status}");
        let filters = (filters_around_us() + 1).to_string();
        assert_eq!(values(status, "Seccomp_filters:"), [filters], "{status}");
        // At most the capability to write to other users' sockets is left.
        let held = u64::from_str_radix(&values(status, "CapEff:")[0], 16).unwrap();
        assert_eq!(held & !0b10, 0, "{status}");
    }
    let ended = served.stop();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    // The files of the Unix sockets were removed too.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn without_unix_sockets_no_capability_is_left() {
    let mut command = bullhorn();
    let mut sets = vec!["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"];
    if let (true, Some(setpriv)) = (is_root(), find_program("setpriv")) {
        // With some inheritable ones, which programs executed later would have.
        command = crate::support::clean(Command::new(setpriv));
        command.args(["--inh-caps=+net_raw", "--ambient-caps=+net_raw"]);
        command.arg(bullhorn().get_program());
        sets.push("CapBnd:");
    }
    command.args(["serve", "--json", "udp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let served = Served::start_command(command.stdin(Stdio::null()), 2);
    for status in &threads(&served) {
        for set in &sets {
            assert_eq!(values(status, set), ["0000000000000000"], "{set} {status}");
        }
    }
    served.endpoints.iter().for_each(|it| assert_answers(it));
}

#[test]
fn no_sandbox_leaves_everything_as_it_was() {
    let served = Served::start(&["udp://127.0.0.1:0", "--no-sandbox"]);
    assert!(served.ready[0]["sandbox"].is_null());
    let ours = fs::read_to_string("/proc/self/status").unwrap();
    for status in &threads(&served) {
        for key in [
            "NoNewPrivs:",
            "Seccomp:",
            "Seccomp_filters:",
            "CapEff:",
            "CapBnd:",
        ] {
            assert_eq!(values(status, key), values(&ours, key), "{key}");
        }
    }
    assert_answers(served.endpoint());
}

#[test]
fn a_client_with_an_abstract_name_is_answered_by_a_socket_with_a_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let _served = Served::start(&[&format!("unixgram:{}", path.display())]);
    let name = SocketAddr::from_abstract_name(own("bullhorn-test-abstract-client")).unwrap();
    let client = UnixDatagram::bind_addr(&name).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    client.send_to(b"hello", &path).unwrap();
    let mut answer = [0; 16];
    let length = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"HELLO");
}

/// What the example tries, with the error numbers of Landlock and of seccomp; 0 means allowed.
const ATTEMPTS: [(&str, i32, i32); 14] = [
    ("open a file for reading", libc::EACCES, libc::ENOSYS),
    ("list a directory", libc::EACCES, libc::ENOSYS),
    ("make a file", libc::EACCES, libc::ENOSYS),
    ("remove a file", libc::EACCES, libc::ENOSYS),
    ("make a socket", 0, libc::ENOSYS),
    ("bind a TCP socket", libc::EACCES, libc::ENOSYS),
    ("connect a TCP socket", libc::EACCES, libc::ENOSYS),
    ("turn a listener into a TCP connection", 0, libc::ENOSYS),
    ("send to an abstract socket outside", libc::EPERM, 0),
    ("signal another process", libc::EPERM, libc::ENOSYS),
    ("start a process", libc::EACCES, libc::ENOSYS),
    ("start a thread", 0, 0),
    ("ask a socket for its address", 0, 0),
    ("execute a program", libc::EACCES, libc::ENOSYS),
];

/// The error numbers of the attempts within `part` of the sandbox.
fn attempted(example: &Path, part: &str) -> Vec<(String, i32)> {
    let name = own(&format!("bullhorn-test-outside-{part}"));
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _outside = UnixDatagram::bind_addr(&address).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(example);
    command.arg(part).env("OUTSIDE", &name);
    let ended = run(command.env("TMPDIR", directory.path()), b"");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let number = |result: &str| match result {
        "allowed" => 0,
        refused => {
            let number = refused.strip_prefix("refused (errno ");
            let number = number.and_then(|rest| rest.strip_suffix(')'));
            number
                .and_then(|number| number.parse().ok())
                .expect(refused)
        }
    };
    let text = ended.text();
    let lines = text.lines().map(|line| line.split_once(": ").expect(line));
    lines
        .map(|(what, result)| (what.to_owned(), number(result)))
        .collect()
}

#[test]
fn each_part_by_itself_refuses_what_it_is_meant_to() {
    let Some(example) = find_example("sandboxed") else {
        return;
    };
    let sandbox = Served::start(&["udp://127.0.0.1:0"]).ready.remove(0);
    let sandbox = &sandbox["sandbox"];
    let expected = |number: fn(&(&str, i32, i32)) -> i32| -> Vec<(String, i32)> {
        let it = ATTEMPTS.iter();
        it.map(|attempt| (attempt.0.to_owned(), number(attempt)))
            .collect()
    };
    assert_eq!(attempted(&example, "none"), expected(|_| 0));
    let has_seccomp = sandbox["seccomp"] == true;
    if has_seccomp {
        assert_eq!(attempted(&example, "seccomp"), expected(|it| it.2));
    } else {
        skipped("the kernel has no seccomp");
    }
    // ABI 6 covers everything that is tried.
    if sandbox["landlock_abi"].as_u64() < Some(6) {
        return skipped("the kernel's Landlock is older than ABI 6");
    }
    assert_eq!(attempted(&example, "landlock"), expected(|it| it.1));
    if has_seccomp {
        // The filter runs before the kernel checks anything else.
        let first = |it: &(&str, i32, i32)| if it.2 == 0 { it.1 } else { it.2 };
        assert_eq!(attempted(&example, "all"), expected(first));
    }
}

#[test]
fn a_kernel_without_a_sandbox_gets_one_warning_at_every_verbosity_and_the_server_continues() {
    let without = [
        "inject=landlock_create_ruleset:error=ENOSYS",
        "inject=seccomp:error=EINVAL",
    ];
    let Some(mut command) = tampered_bullhorn(&without) else {
        return;
    };
    command.args(["serve", "--json", "udp://127.0.0.1:0"]);
    let served = Served::start_command(&mut command, 1);
    let sandbox = &served.ready[0]["sandbox"];
    assert_eq!(sandbox["seccomp"], false);
    assert!(sandbox["landlock_abi"].is_null());
    assert_answers(served.endpoint());
    drop(served);

    for verbosity in [&[][..], &["-q"], &["-v"], &["-vv"]] {
        let Some(mut command) = tampered_bullhorn(&without) else {
            return;
        };
        command
            .arg("serve")
            .args(verbosity)
            .arg("udp://127.0.0.1:0");
        let mut process = Running::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let mut lines = lines_of(&mut process);
        let warning = lines.find(|line| line.contains("sandbox: ")).unwrap();
        assert_eq!(
            warning,
            "bullhorn: warning: sandbox: no_new_privs, without Landlock (this kernel has none; \
             Linux 5.13 and later do), without seccomp (invalid argument)",
            "{verbosity:?}"
        );
        if verbosity != ["-q"] {
            assert!(
                lines.any(|line| line.starts_with("ready: ")),
                "{verbosity:?}"
            );
        }
    }
}

fn lines_of(process: &mut Running) -> impl Iterator<Item = String> + use<> {
    use std::io::{BufRead, BufReader};
    let stderr = process.child.stderr.take().unwrap();
    BufReader::new(stderr).lines().map_while(Result::ok)
}

#[test]
fn a_complete_sandbox_is_printed_with_v_alone() {
    for (option, expected) in [("-v", true), ("-vv", false), ("-q", false)] {
        let mut command = bullhorn();
        command.args(["serve", option, "udp://127.0.0.1:0"]);
        let mut process = Running::start(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        let lines = lines_of(&mut process);
        if option != "-q" {
            let before: Vec<_> = lines.take_while(|it| !it.starts_with("ready:")).collect();
            let printed = before.iter().any(|line| line.starts_with("sandbox: "));
            assert_eq!(printed, expected, "{option}: {before:?}");
        }
        process.signal("TERM");
        process.wait();
    }
}

/// A user that every Linux has, and its group; `None`, with a line that gives the reason, when we
/// may not become it.
fn nobody() -> Option<(u32, u32)> {
    if !is_root() {
        skipped("only root may change its user");
        return None;
    }
    let found = run(
        Command::new("sh").args(["-c", "id -u nobody; id -g nobody"]),
        b"",
    );
    let numbers = found.text();
    let mut numbers = numbers.lines().map(|line| line.parse().unwrap());
    Some((numbers.next()?, numbers.next()?))
}

#[test]
fn user_drops_root_in_every_thread_and_keeps_its_low_ports_and_files() {
    let (Some((uid, gid)), Some(setpriv)) = (nobody(), find_program("setpriv")) else {
        return;
    };
    for options in [
        &["--user", "nobody"][..],
        &["--user", "nobody", "--no-sandbox"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        chown(directory.path(), Some(uid), Some(gid)).unwrap();
        let mut endpoints = every_endpoint(directory.path(), "user");
        // Every address in 127.0.0.0/8 is this machine's, so port 7 of one of them is free.
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let low = format!("127.{}.{b}.{c}:7", a | 0x80);
        endpoints.push(format!("udp://{low}"));
        endpoints.push(format!("tcp://{low}"));
        // With groups and a capability that must be dropped.
        let mut command = crate::support::clean(Command::new(&setpriv));
        command
            .args(["--groups=1,2,3", "--inh-caps=+net_raw"])
            .arg(bullhorn().get_program());
        command.args(["serve", "--json"]).args(options);
        command.args(&endpoints).stdin(Stdio::null());
        let served = Served::start_command(&mut command, endpoints.len());
        for status in &threads(&served) {
            assert_eq!(values(status, "Uid:"), vec![uid.to_string(); 4], "{status}");
            assert_eq!(values(status, "Gid:"), vec![gid.to_string(); 4], "{status}");
            assert_eq!(values(status, "Groups:").len(), 0, "{status}");
            for set in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:", "CapBnd:"] {
                assert_eq!(values(status, set), ["0000000000000000"], "{set} {status}");
            }
        }
        for file in ["stream", "datagram"] {
            let made = fs::symlink_metadata(directory.path().join(file)).unwrap();
            assert_eq!((made.uid(), made.gid()), (uid, gid));
        }
        // The socket of a root client is not writable for other users.
        let is_unix_datagram = |it: &&String| it.starts_with("unixgram:");
        for endpoint in served.endpoints.iter().filter(|it| !is_unix_datagram(it)) {
            assert_answers(endpoint);
        }
        for name in ["datagram", "@abstract"] {
            let endpoint = served.endpoints.iter().filter(is_unix_datagram);
            let endpoint = endpoint
                .clone()
                .find(|it| it.contains('@') == name.contains('@'));
            assert_unix_datagram_answered(endpoint.unwrap());
        }
        assert_eq!(served.stop().code, Some(0));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

/// Sends a request from a socket that every user may write to.
fn assert_unix_datagram_answered(endpoint: &str) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = directory.path().join("client");
    let client = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    client.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let name = endpoint.strip_prefix("unixgram:").unwrap();
    let server = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).unwrap(),
        None => SocketAddr::from_pathname(name).unwrap(),
    };
    client.send_to_addr(b"hello", &server).unwrap();
    let mut answer = [0; 16];
    let length = client.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"HELLO", "{endpoint}");
}

#[test]
fn a_socket_file_in_the_directory_of_root_stays_and_is_used_again() {
    if nobody().is_none() {
        return;
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let endpoint = format!("unix:{}", path.display());
    for _ in 0..2 {
        let served = start(std::slice::from_ref(&endpoint), &["--user", "nobody"]);
        assert_answers(&endpoint);
        assert_eq!(served.stop().code, Some(0));
        assert!(path.exists());
    }
}

#[test]
fn an_impossible_user_is_refused_in_one_line() {
    let serve = |user: &str| run_bullhorn(["serve", "--user", user, "udp://127.0.0.1:0"]);
    for (user, word) in [
        ("no-such-user", "no user of that name"),
        ("root:no-such-group", "no group of that name"),
        ("4294967290", "give the group as well"),
    ] {
        let ended = serve(user);
        assert_eq!((ended.code, ended.stderr.lines().count()), (7, 1));
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
        assert!(ended.stderr.contains(user), "{}", ended.stderr);
    }
    for user in ["", ":", "nobody:", ":nogroup", "a:b:c"] {
        assert_eq!(serve(user).code, 2, "{user}");
    }
}

#[test]
fn a_user_that_the_user_namespace_does_not_have_is_refused_with_the_cause() {
    let (Some(unshare), Some(setpriv)) = (find_program("unshare"), find_program("setpriv")) else {
        return;
    };
    let serve = |before: &[&str], user: &str| {
        let mut command = crate::support::clean(Command::new(&unshare));
        command.args(before).arg(bullhorn().get_program());
        run(
            command.args(["serve", "--user", user, "udp://127.0.0.1:0"]),
            b"",
        )
    };
    let in_own_namespace = ["--user", "--map-root-user"];
    let works = Command::new(&unshare)
        .args(in_own_namespace)
        .arg("true")
        .output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skipped("this kernel or container has no user namespaces for us");
    }
    let mut ways: Vec<Vec<&str>> = vec![in_own_namespace.to_vec()];
    if is_root() {
        // As an ordinary user creates one.
        let setpriv = setpriv.to_str().unwrap();
        let ordinary = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"];
        let mut way = vec!["--ipc"];
        way.extend(ordinary);
        way.push(unshare.to_str().unwrap());
        way.extend(in_own_namespace);
        ways.push(way);
    }
    for way in ways {
        for (user, word) in [
            (
                "12345:12345",
                "user 12345 is not mapped in this user namespace",
            ),
            (
                "0:12345",
                "group 12345 is not mapped in this user namespace",
            ),
        ] {
            let ended = serve(&way, user);
            assert_eq!(
                (ended.code, ended.stderr.lines().count()),
                (7, 1),
                "{ended:?}"
            );
            assert!(ended.stderr.contains(word), "{way:?}: {}", ended.stderr);
        }
    }
}

#[test]
fn without_root_another_user_is_refused_before_anything_is_bound() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut command = if is_root() {
        let Some(setpriv) = find_program("setpriv") else {
            return;
        };
        // Root in name only.
        let mut command = crate::support::clean(Command::new(setpriv));
        command.args(["--bounding-set=-all", "--inh-caps=-all"]);
        command.arg(bullhorn().get_program());
        command
    } else {
        bullhorn()
    };
    command.args(["serve", "--user", "12345:12345"]);
    let ended = run(command.arg(format!("unix:{}", path.display())), b"");
    assert_eq!((ended.code, ended.stderr.lines().count()), (7, 1));
    assert!(ended.stderr.contains("only root"), "{}", ended.stderr);
    assert!(!path.exists());
}
