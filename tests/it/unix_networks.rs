//! Unix datagrams from one network namespace to another: containers that share a directory.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Running, Served, bullhorn, clean, program, run, run_bullhorn, skipped};
use crate::support_netns::in_own_network;

fn files_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn a_server_in_another_network_namespace_answers_to_a_file_that_is_then_removed() {
    let directory = tempfile::tempdir().unwrap();
    let endpoint = format!("unixgram:{}", directory.path().join("server").display());
    let served = Served::start(&[&endpoint]);
    in_own_network(|| {
        let sent = run_bullhorn(["send", &endpoint, "a", "b"]);
        assert_eq!((sent.code, sent.text().as_str()), (0, "A\nB\n"), "{sent:?}");
        let ended = run_bullhorn([
            "ping", "--json", &endpoint, "-c", "5", "-i", "1ms", "--flows", "2",
        ]);
        assert_eq!(
            (ended.code, &ended.summary()["ok"]),
            (0, &5.into()),
            "{ended:?}"
        );
        let load = ["--warmup", "off", "--count", "100"];
        let ended = run_bullhorn(["bench", "--json", &endpoint].iter().chain(&load));
        assert_eq!(
            (ended.code, &ended.summary()["ok"]),
            (0, &100.into()),
            "{ended:?}"
        );
        assert_eq!(files_in(directory.path()), ["server"]);
        for signal in ["INT", "TERM", "HUP"] {
            let mut command = bullhorn();
            command.args(["ping", &endpoint, "-i", "10ms"]);
            let mut process = Running::start(command.stdout(Stdio::piped()));
            let mut lines = BufReader::new(process.child.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap().contains("seq=2 time=")));
            assert_eq!(files_in(directory.path()).len(), 2);
            process.signal(signal);
            assert_eq!(process.wait().code(), Some(0));
            assert_eq!(files_in(directory.path()), ["server"], "{signal}");
        }
    });
    assert_eq!(served.stop().code, Some(0));
}

#[test]
fn a_server_that_does_not_see_the_file_is_reported_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let endpoint = format!("unixgram:{}", directory.path().join("server").display());
    let _served = Served::start(&[&endpoint]);
    in_own_network(|| {
        let mut command = clean(Command::new("unshare"));
        let script = "mount --bind \"$0\" \"$1\" || exit 99; shift; exec \"$@\"";
        command.args(["--mount", "sh", "-c", script]);
        command
            .args([directory.path(), other.path()])
            .arg(program());
        command.args(["send", "--timeout", "200ms", "--retries", "0"]);
        command.arg(format!(
            "unixgram:{}",
            other.path().join("server").display()
        ));
        let ended = run(command.arg("text"), b"");
        if ended.code == 99 || ended.stderr.contains("unshare failed") {
            return skipped("a namespace of mounts needs the privilege CAP_SYS_ADMIN");
        }
        assert_eq!(ended.code, 5, "{ended:?}");
        for words in ["network namespace", "at the same path"] {
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
        }
        assert_eq!(files_in(directory.path()), ["server"]);
    });
}
