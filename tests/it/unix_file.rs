//! The file of a Unix socket: reused when stale, never touched when in use, its mode, its removal.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::bind::assert_local_error;
use crate::support::{
    Ended, Running, Served, TEST_TIMEOUT, bullhorn, clean, find_program, run, run_bullhorn,
    skipped, wait_until,
};
use crate::support_refusal::refusing;
use crate::support_strace::tampered_bullhorn;

/// A directory with a `unix:` and a `unixgram:` endpoint in it.
fn endpoints() -> (TempDir, [String; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let endpoints = [format!("unix:{path}/s"), format!("unixgram:{path}/d")];
    (directory, endpoints)
}

fn path_of(endpoint: &str) -> &Path {
    Path::new(endpoint.split_once(':').unwrap().1)
}

fn assert_answers(endpoint: &str) {
    let ended = run_bullhorn(["send", endpoint, "a"]);
    assert_eq!(ended.text(), "A\n", "{}", ended.stderr);
}

#[test]
fn a_socket_file_is_removed_with_its_server() {
    let (_directory, [stream, datagram]) = endpoints();
    let served = Served::start(&[&stream, &datagram]);
    assert_eq!(served.endpoints, [stream.clone(), datagram.clone()]);
    for endpoint in [&stream, &datagram] {
        assert!(
            fs::metadata(path_of(endpoint))
                .unwrap()
                .file_type()
                .is_socket()
        );
        assert_answers(endpoint);
    }
    assert_eq!(served.stop().code, Some(0));
    assert!(!path_of(&stream).exists() && !path_of(&datagram).exists());
}

#[test]
fn a_stale_socket_file_is_removed_and_bound_again() {
    let (_directory, [stream, datagram]) = endpoints();
    let mut killed = Served::start(&[&stream, &datagram]);
    killed.process.signal("KILL");
    killed.process.wait();
    assert!(path_of(&stream).exists() && path_of(&datagram).exists());
    // The type of the stale file's socket does not matter.
    let swapped = [&stream, &datagram].map(|endpoint| {
        let path = path_of(endpoint).display();
        if endpoint.starts_with("unix:") {
            format!("unixgram:{path}")
        } else {
            format!("unix:{path}")
        }
    });
    for endpoints in [[&stream, &datagram], [&swapped[0], &swapped[1]]] {
        let mut served = Served::start(&[endpoints[0], endpoints[1]]);
        assert_answers(endpoints[0]);
        assert_answers(endpoints[1]);
        served.process.signal("KILL");
        served.process.wait();
    }
}

#[test]
fn a_live_socket_is_never_taken_over() {
    let (_directory, [stream, datagram]) = endpoints();
    let served = Served::start(&[&stream, &datagram]);
    for endpoint in [&stream, &datagram] {
        let path = path_of(endpoint);
        let inode = fs::metadata(path).unwrap().ino();
        for scheme in ["unix", "unixpacket", "unixgram"] {
            let again = format!("{scheme}:{}", path.display());
            let ended = run_bullhorn(["serve", "--json", &again]);
            assert_local_error(&ended, &again, &["in use"]);
        }
        assert_eq!(fs::metadata(path).unwrap().ino(), inode);
        assert_answers(endpoint);
    }
    drop(served);
    // Nor is one of another program with a full queue.
    let listener = UnixListener::bind(path_of(&stream).with_file_name("other")).unwrap();
    let other = path_of(&stream).with_file_name("other");
    socket2::SockRef::from(&listener).listen(0).unwrap();
    let _waiting = std::os::unix::net::UnixStream::connect(&other).unwrap();
    let endpoint = format!("unix:{}", other.display());
    let ended = run_bullhorn(["serve", "--json", &endpoint]);
    assert_local_error(&ended, &endpoint, &["in use"]);
    assert!(other.exists());
}

#[test]
fn what_is_not_a_socket_is_never_removed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("file"), "precious").unwrap();
    fs::create_dir(at("directory")).unwrap();
    drop(UnixDatagram::bind(at("stale")).unwrap());
    symlink("stale", at("link")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    for (name, word) in [
        ("file", "not a socket"),
        ("directory", "not a socket"),
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
    ] {
        let before = fs::symlink_metadata(at(name)).unwrap();
        for scheme in ["unix", "unixpacket", "unixgram"] {
            let endpoint = format!("{scheme}:{}", at(name).display());
            let ended = run_bullhorn(["serve", "--json", "--unix-mode", "0777", &endpoint]);
            assert_local_error(&ended, &endpoint, &[word, "in the way"]);
        }
        let after = fs::symlink_metadata(at(name)).unwrap();
        assert_eq!((after.ino(), after.mode()), (before.ino(), before.mode()));
    }
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "precious");
    assert!(at("stale").exists() && !at("nowhere").exists());
}

#[test]
fn a_missing_directory_is_reported() {
    let (directory, _) = endpoints();
    let endpoint = format!("unix:{}/missing/s", directory.path().display());
    let ended = run_bullhorn(["serve", "--json", &endpoint]);
    assert_local_error(&ended, &endpoint, &["directory does not exist"]);
}

#[test]
fn the_mode_is_0660_less_the_umask_or_exactly_as_requested() {
    for (umask, options, expected) in [
        ("000", &[][..], 0o660),
        ("022", &[], 0o640),
        ("077", &[], 0o600),
        ("077", &["--unix-mode", "0666"], 0o666),
        ("000", &["--unix-mode", "600"], 0o600),
        ("022", &["--unix-mode", "0777"], 0o777),
    ] {
        let (_directory, [stream, datagram]) = endpoints();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(bullhorn().get_program())
            .args(["serve", "--json", &stream, &datagram])
            .args(options);
        let _served = Served::start_command(&mut command, 2);
        for endpoint in [&stream, &datagram] {
            let mode = fs::metadata(path_of(endpoint))
                .unwrap()
                .permissions()
                .mode()
                & 0o7777;
            assert_eq!(mode, expected, "umask {umask}, {options:?}: {mode:o}");
        }
    }
}

#[test]
fn the_mode_is_set_before_the_file_exists_and_only_ever_widened() {
    let (_directory, [stream, _]) = endpoints();
    let mut command = bullhorn();
    command.args(["serve", "--json", "-vv", "--unix-mode", "0600", &stream]);
    let stderr = Served::start_command(&mut command, 1).stop().stderr;
    let mut rest = stderr.as_str();
    for call in [", 0o600) = 0", "bind(", "listen("] {
        let position = rest.find(call);
        rest = &rest[position.unwrap_or_else(|| panic!("no {call} in {rest}"))..];
    }
    assert_eq!(stderr.matches("chmod(").count(), 1, "{stderr}");
}

#[test]
fn a_file_that_replaced_ours_stays() {
    let (_directory, [stream, datagram]) = endpoints();
    let served = Served::start(&[&stream, &datagram]);
    fs::remove_file(path_of(&stream)).unwrap();
    fs::write(path_of(&stream), "precious").unwrap();
    fs::remove_file(path_of(&datagram)).unwrap();
    let other = UnixDatagram::bind(path_of(&datagram)).unwrap();
    assert_eq!(served.stop().code, Some(0));
    assert_eq!(fs::read_to_string(path_of(&stream)).unwrap(), "precious");
    assert!(path_of(&datagram).exists());
    drop(other);
}

#[test]
fn of_many_servers_on_one_stale_path_exactly_one_wins() {
    for index in [0, 1] {
        let (_directory, endpoints) = endpoints();
        let endpoint = &endpoints[index];
        let mut killed = Served::start(&[endpoint]);
        killed.process.signal("KILL");
        killed.process.wait();
        let mut servers: Vec<Running> = (0..6)
            .map(|_| {
                let mut command = bullhorn();
                command.args(["serve", "-q", endpoint]);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                Running::start(&mut command)
            })
            .collect();
        wait_until("all but one have ended", || {
            servers.retain_mut(|server| match server.child.try_wait().unwrap() {
                Some(status) => {
                    assert_eq!(status.code(), Some(7));
                    false
                }
                None => true,
            });
            servers.len() == 1
        });
        assert_answers(endpoint);
        servers[0].signal("TERM");
        assert_eq!(servers[0].wait().code(), Some(0));
        assert!(!path_of(endpoint).exists());
    }
}

#[test]
fn a_server_that_is_about_to_listen_is_alive() {
    let Some(mut command) = tampered_bullhorn(&["inject=listen:delay_enter=300ms"]) else {
        return;
    };
    let (_directory, [stream, _]) = endpoints();
    command.args(["serve", "-q", &stream]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let _slow = Running::start(&mut command);
    wait_until("the slow server has bound its file", || {
        path_of(&stream).exists()
    });
    let inode = fs::metadata(path_of(&stream)).unwrap().ino();
    let ended = run_bullhorn(["serve", "--json", &stream]);
    assert_local_error(&ended, &stream, &["in use"]);
    assert_eq!(fs::metadata(path_of(&stream)).unwrap().ino(), inode);
}

#[test]
fn a_path_may_have_107_bytes_and_not_one_more() {
    let (directory, _) = endpoints();
    let path = format!("{}/", directory.path().display());
    let path = path.clone() + &"x".repeat(107 - path.len());
    for scheme in ["unix", "unixpacket", "unixgram"] {
        let endpoint = format!("{scheme}:{path}");
        let served = Served::start(&[&endpoint]);
        assert_eq!(served.endpoint(), endpoint);
        assert_answers(&endpoint);
        drop(served);
        fs::remove_file(&path).unwrap();
        let ended = run_bullhorn(["serve".to_owned(), format!("{endpoint}x")]);
        assert_eq!((ended.code, ended.stderr.lines().count()), (2, 1));
        assert!(ended.stderr.contains("108 bytes"), "{}", ended.stderr);
    }
}

#[test]
fn an_abstract_name_has_no_file_and_collides_like_a_port() {
    for scheme in ["unix", "unixpacket", "unixgram"] {
        let endpoint = format!("{scheme}:@bullhorn-test-abstract-ж-{}", std::process::id());
        let served = Served::start(&[&endpoint]);
        assert_eq!(served.endpoint(), endpoint);
        assert_answers(&endpoint);
        let ended = run_bullhorn(["serve", "--json", &endpoint]);
        assert_local_error(&ended, &endpoint, &["in use"]);
        assert_eq!(served.stop().code, Some(0));
        assert_eq!(Served::start(&[&endpoint]).stop().code, Some(0));
    }
}

#[test]
fn a_directory_that_cannot_be_locked_is_served_anyway() {
    for error in [
        libc::EOPNOTSUPP,
        libc::ENOLCK,
        libc::EIO,
        libc::ENOSYS,
        libc::EPERM,
    ] {
        let (_directory, [stream, datagram]) = endpoints();
        let start = || Served::start(&[&stream, &datagram]);
        let Some(served) = refusing(&[libc::SYS_flock], error, start) else {
            return;
        };
        assert_answers(&stream);
        assert_answers(&datagram);
        let totals = served.stop();
        assert_eq!((totals.code, totals.stderr.as_str()), (Some(0), ""));
        assert!(!path_of(&stream).exists() && !path_of(&datagram).exists());
    }
}

#[test]
fn a_lock_that_another_process_holds_delays_a_server_only_briefly() {
    let (directory, [stream, datagram]) = endpoints();
    let held = fs::File::open(directory.path()).unwrap();
    held.lock().unwrap();
    let begin = Instant::now();
    let served = Served::start(&[&stream, &datagram]);
    assert_answers(&stream);
    assert_answers(&datagram);
    assert_eq!(served.stop().code, Some(0));
    assert!(begin.elapsed() < TEST_TIMEOUT / 4, "{:?}", begin.elapsed());
    assert!(!path_of(&stream).exists() && !path_of(&datagram).exists());
}

#[test]
fn a_directory_that_is_writable_but_not_readable_is_served() {
    let (directory, [stream, datagram]) = endpoints();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o300)).unwrap();
    let mut command = match fs::metadata("/proc/self").unwrap().uid() {
        0 => {
            let Some(setpriv) = find_program("setpriv") else {
                return;
            };
            // Root may read all directories by a capability that it can drop.
            let mut command = clean(Command::new(setpriv));
            command.args(["--bounding-set=-all", "--inh-caps=-all"]);
            command.arg(bullhorn().get_program());
            command
        }
        _ => bullhorn(),
    };
    command.args(["serve", "--json", "--unix-mode", "0666", &stream, &datagram]);
    let served = Served::start_command(command.stdin(Stdio::null()), 2);
    assert_answers(&stream);
    assert_answers(&datagram);
    let totals = served.stop();
    assert_eq!((totals.code, totals.stderr.as_str()), (Some(0), ""));
    assert!(!path_of(&stream).exists() && !path_of(&datagram).exists());
}

/// `serve --unix-mode 0666` with an empty file system over /proc, and with a umask that removes
/// part of the mode.
fn serving_without_proc(endpoint: &str) -> Option<Command> {
    let unshare = find_program("unshare")?;
    let hide = "mount -t tmpfs none /proc && umask 022 && exec \"$0\" \"$@\"";
    let in_namespace = |program: &std::ffi::OsStr| {
        let mut command = clean(Command::new(&unshare));
        command.args(["--mount", "sh", "-c", hide]).arg(program);
        command.stdin(Stdio::null());
        command
    };
    let works = in_namespace("true".as_ref()).output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped("a mount namespace needs CAP_SYS_ADMIN");
        return None;
    }
    let mut command = in_namespace(bullhorn().get_program());
    command.args(["serve", "--json", "--unix-mode", "0666", endpoint]);
    Some(command)
}

/// No crate defines it yet.
const SYS_FCHMODAT2: i64 = 452;

#[test]
fn a_mode_is_set_without_proc_or_without_the_new_call_and_lacking_both_is_reported() {
    let (_directory, [stream, datagram]) = endpoints();
    let mode_of = |endpoint: &str| fs::metadata(path_of(endpoint)).unwrap().mode() & 0o7777;
    let Some(mut command) = serving_without_proc(&stream) else {
        return;
    };
    if kernel_version() >= (6, 6) {
        let served = Served::start_command(&mut command, 1);
        assert_eq!(mode_of(&stream), 0o666);
        assert_eq!(served.stop().code, Some(0));
    }
    let before_6_6 = |test: &mut (dyn FnMut() -> Option<Ended> + Send)| {
        refusing(&[SYS_FCHMODAT2], libc::ENOSYS, test).flatten()
    };
    let found = before_6_6(&mut || Some(run(&mut serving_without_proc(&stream)?, b"")));
    if let Some(ended) = found {
        let words = ["mode cannot be set", "/proc", "Linux 6.6", "umask"];
        assert_local_error(&ended, &stream, &words);
        assert!(!path_of(&stream).exists());
    }
    before_6_6(&mut || {
        let served = Served::start(&[&datagram, "--unix-mode", "0666"]);
        assert_eq!(mode_of(&datagram), 0o666);
        assert_eq!(served.stop().code, Some(0));
        None
    });
}

fn kernel_version() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// An attacker who may write to the directory replaces the socket's file before its mode and owner
/// are changed: the other file stays unchanged.
#[test]
fn a_file_that_replaces_ours_gets_neither_our_mode_nor_our_owner() {
    type Swap = fn(&Path);
    let swaps: [(&str, Swap); 3] = [
        ("a symbolic link", |path| symlink("victim", path).unwrap()),
        ("a hard link", |path| {
            fs::hard_link(path.with_file_name("victim"), path).unwrap();
        }),
        ("another socket", |path| {
            fs::rename(path.with_file_name("victim"), path).unwrap();
        }),
    ];
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut changes = vec![&["--unix-mode", "0666"][..]];
    if is_root {
        changes.push(&["--user", "nobody"]);
    } else {
        skipped("only root may change the owner of a file");
    }
    // Whether the kernel shows the file of a socket depends on privileges and on the kernel's
    // version.
    for hidden in [false, true] {
        let mut faults = vec!["inject=listen:delay_enter=500ms"];
        if hidden {
            faults.push("inject=ioctl:error=EPERM");
        }
        for change in &changes {
            for (what, swap) in swaps {
                let is_known_by_name_alone = hidden || !is_root;
                if is_known_by_name_alone && what == "another socket" {
                    // A file of our own user without another name cannot be distinguished from ours
                    // by its name.
                    continue;
                }
                let Some(mut command) = tampered_bullhorn(&faults) else {
                    return;
                };
                let (directory, [stream, _]) = endpoints();
                let victim = directory.path().join("victim");
                let _other = UnixListener::bind(&victim).unwrap();
                fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
                let before = fs::metadata(&victim).unwrap();
                command.args(["serve", "-q"]).args(*change).arg(&stream);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                let process = Running::start(&mut command);
                let path = path_of(&stream);
                wait_until("the socket has a file", || path.exists());
                fs::remove_file(path).unwrap();
                swap(path);
                let ended = process.output();
                let words = ["replaced the socket file", "choose a directory"];
                assert_local_error(&ended, &stream, &words);
                let after = fs::metadata(path).unwrap();
                assert_eq!(
                    (after.ino(), after.mode(), after.uid(), after.gid()),
                    (before.ino(), before.mode(), before.uid(), before.gid()),
                    "{what} {change:?}"
                );
            }
        }
    }
}
