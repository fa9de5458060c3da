//! Paths and arguments, which an attacker may have chosen, are never interpreted by a terminal.

use std::process::Stdio;

use crate::support::{Ended, Running, bullhorn, run_bullhorn, wait_until};

/// Colours, retitles and reorders.
const HOSTILE: &str = "\u{1b}[31m\u{1b}]0;owned\u{7}\u{202e}";

/// An endpoint has no control characters, but it may have those that reorder.
const REORDERING: &str = "\u{202e}kcos";

fn assert_harmless(what: &str, text: &str) {
    let acts = |it: char| it != '\n' && (it.is_control() || it == '\u{202e}');
    assert!(!text.contains(acts), "{what}: {text:?}");
}

#[test]
fn hostile_arguments_are_displayed_and_not_interpreted_in_the_errors_of_every_verb() {
    let unix = format!("unix:/nowhere/{HOSTILE}");
    let unixgram = format!("unixgram:/nowhere/{HOSTILE}");
    let reordering = format!("unix:/nowhere/{REORDERING}");
    let file = format!("/nowhere/{HOSTILE}");
    for arguments in [
        &["serve", unix.as_str()][..],
        &["serve", "--user", HOSTILE, "udp://127.0.0.1:0"],
        &["serve", "--metrics", &unix, "udp://127.0.0.1:0"],
        &["serve", &reordering],
        &["serve", "--allow", HOSTILE],
        &["send", &unix, "hello"],
        &["send", &unixgram, "hello"],
        &["send", &reordering, "hello"],
        &["send", HOSTILE, "hello"],
        &["ping", &unix, "-c", "1", "--timeout", "10ms"],
        &["ping", "udp://127.0.0.1:9", "--text", &file],
        &["ping", HOSTILE],
        &["bench", &unix, "-d", "10ms"],
        &["bench", "udp://127.0.0.1:9", "--text", &file],
        &["bench", "udp://127.0.0.1:9", "--baseline", &file],
        &["bench", "--fail-if", HOSTILE],
        &["demo", "--no-such-option", HOSTILE],
        &["completions", HOSTILE],
        &["man", &file],
        &[HOSTILE],
    ] {
        let ended = run_bullhorn(arguments);
        assert_ne!(ended.code, 0, "{arguments:?}: {ended:?}");
        let text = ended.text() + &ended.stderr;
        assert_ne!(text, "", "{arguments:?}");
        assert_harmless(&format!("{arguments:?}"), &text);
    }
}

#[test]
fn a_path_that_reorders_is_displayed_and_not_interpreted_in_the_reports_of_every_verb() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(REORDERING);
    let endpoint = format!("unix:{}", path.display());
    let log = std::fs::File::create(directory.path().join("log")).unwrap();
    let mut command = bullhorn();
    command.args([
        "serve",
        "-v",
        "--metrics",
        &format!("{endpoint}.m"),
        &endpoint,
    ]);
    let mut served = Running::start(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log),
    );
    let log = || std::fs::read_to_string(directory.path().join("log")).unwrap();
    wait_until("the server is ready", || log().contains("metrics: "));
    for arguments in [
        &["ping", endpoint.as_str(), "-c", "2", "-i", "1ms"][..],
        &["bench", &endpoint, "-d", "20ms", "--warmup", "1ms"],
    ] {
        let ended: Ended = run_bullhorn(arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        let text = ended.text();
        assert!(text.contains(r"\u{202e}"), "{text:?}");
        assert_harmless(&format!("{arguments:?}"), &text);
    }
    // Programs get it unchanged.
    let ended = run_bullhorn(["ping", "--json", &endpoint, "-c", "1"]);
    let summary = ended.summary();
    assert_eq!(summary["endpoint"], endpoint.as_str());
    served.signal("TERM");
    served.wait();
    assert!(log().contains(r"\u{202e}"), "{:?}", log());
    assert_harmless("serve", &log());
}
