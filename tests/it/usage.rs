//! A command line that cannot be parsed: exit code 2 and one line with the reason.

use crate::support::{Ended, Served, bullhorn, run, run_bullhorn};

/// Asserts the exit code and that there is just one line, which has every one of `words`.
fn assert_usage(ended: &Ended, words: &[&str]) {
    assert_eq!((ended.code, ended.text().as_str()), (2, ""), "{ended:?}");
    let line = ended.stderr.strip_suffix('\n').expect("no whole line");
    assert!(line.starts_with("bullhorn: "), "{line}");
    assert!(!line.chars().any(char::is_control), "{line:?}");
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}

#[test]
fn every_usage_error_is_one_line_and_exit_2() {
    for (arguments, words) in [
        (
            vec!["serve", "--jsn"],
            vec!["'--jsn'", "'--json'", "--help"],
        ),
        (vec!["sevre"], vec!["'sevre'", "'serve'"]),
        (vec!["serve", "--unix-mode"], vec!["--unix-mode", "value"]),
        (
            vec!["serve", "--unix-mode", "9"],
            vec!["\"9\"", "--unix-mode", "0660"],
        ),
        (vec!["serve", "--unix-mode", "17777"], vec!["octal"]),
        (
            vec!["serve", "--idle-timeout", "10x"],
            vec!["\"10x\"", "--idle-timeout", "250ms"],
        ),
        (
            vec!["serve", "--receive-buffer", "0"],
            vec!["invalid value", "--receive-buffer", "must be from 1 to"],
        ),
        (vec!["serve", "-q", "-v"], vec!["--quiet", "--verbose"]),
        (
            vec!["send", "--timeout", "0s"],
            vec!["--timeout", "over zero"],
        ),
        (
            vec!["send", "--timeout", "a\nb\u{1b}[1m"],
            vec!["a\\nb\\u{1b}[1m"],
        ),
        (
            vec!["send", "--window", "0"],
            vec!["--window", "must be from 1 to 4096"],
        ),
        (vec!["send", "-4", "-6"], vec!["--ipv4", "--ipv6"]),
        (vec!["completions"], vec!["<SHELL>"]),
        (vec!["completions", "x"], vec!["bash", "zsh"]),
    ] {
        assert_usage(&run_bullhorn(&arguments), &words);
    }
}

#[test]
fn a_malformed_endpoint_is_one_line_for_every_verb_and_in_the_environment() {
    for (text, words) in [
        ("127.0.0.1:65536", ["65536", "udp://127.0.0.1:3000"]),
        ("::1", ["brackets", "udp://[::1]:3000"]),
        ("http://localhost", ["\"http\"", "unixgram"]),
        ("tcp://localhost:3000/x", ["\"/x\"", "tcp://127.0.0.1:3000"]),
        ("unix:", ["the path is empty", "unix:/run/bullhorn.sock"]),
        ("fd:x", ["\"x\"", "fd:3"]),
        ("[fe80::1%]", ["zone", "udp://[fe80::1%eth0]:3000"]),
        ("a\r\nb\u{1b}[31m", ["control character", "\\u{1b}"]),
        ("\u{202e}evil", ["\\u{202e}", "not a host name"]),
        ("", ["it is empty", "udp://127.0.0.1:3000"]),
    ] {
        assert_usage(&run_bullhorn(["serve", text]), &words);
        assert_usage(&run_bullhorn(["send", text, "hello"]), &words);
        if !text.is_empty() {
            let ended = with_variable("BULLHORN_ENDPOINT", text, &["send"]);
            assert_usage(&ended, &[&["BULLHORN_ENDPOINT: "], &words[..]].concat());
        }
    }
}

fn with_variable(name: &str, value: &str, arguments: &[&str]) -> Ended {
    run(bullhorn().args(arguments).env(name, value), b"hello\n")
}

#[test]
fn a_bad_value_in_a_variable_is_reported_with_the_name_of_the_variable() {
    for (name, value, words) in [
        ("BULLHORN_TIMEOUT", "10x", ["\"10x\"", "250ms"]),
        ("BULLHORN_WINDOW", "0", ["--window", "from 1 to 4096"]),
        ("BULLHORN_DSCP", "64", ["\"64\"", "from 0 to 63"]),
    ] {
        let ended = with_variable(name, value, &["send"]);
        assert_usage(&ended, &[&[name], &words[..]].concat());
    }
    // What is typed takes precedence, and is what is wrong.
    let typed = ["send", "--timeout", "5x"];
    let ended = with_variable("BULLHORN_TIMEOUT", "10x", &typed);
    assert_usage(&ended, &["\"5x\"", "--timeout"]);
    assert!(!ended.stderr.contains("BULLHORN"), "{}", ended.stderr);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let served = Served::start(&["udp://127.0.0.1:0"]);
    for (verb, arguments) in [
        ("send", &["hello"][..]),
        ("ping", &["-c", "1"]),
        ("bench", &["-c", "1"]),
    ] {
        let help = run_bullhorn([verb, "--help"]).text();
        let flags = help
            .split_whitespace()
            .filter_map(|it| it.strip_prefix("--"));
        let mut command = bullhorn();
        command.arg(verb).env("BULLHORN_ENDPOINT", "");
        for flag in flags {
            let flag = flag.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
            let name = flag.to_uppercase().replace('-', "_");
            command.env(format!("BULLHORN_{name}"), "");
        }
        let ended = run(command.arg(served.endpoint()).args(arguments), b"");
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{verb}");
    }
    // The default endpoint, not an error.
    let ended = with_variable("BULLHORN_ENDPOINT", "", &["ping", "-c", "1", "-W", "1ms"]);
    assert!(ended.text().contains("udp://127.0.0.1:3000"), "{ended:?}");
}

#[test]
fn an_endpoint_that_is_not_utf_8_is_refused_in_one_line() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let ended = run_bullhorn([OsStr::new("serve"), OsStr::from_bytes(b"unix:/\xff")]);
    assert_usage(&ended, &["UTF-8"]);
}

#[test]
fn a_client_refuses_what_only_a_server_can_use() {
    for (endpoint, words) in [
        ("udp://:3000", ["for servers", "udp://127.0.0.1:3000"]),
        ("tcp://:3000", ["for servers", "tcp://127.0.0.1:3000"]),
        ("udp://127.0.0.1:0", ["port 0", "printed"]),
        ("tcp://localhost:0", ["port 0", "printed"]),
        ("fd:3", ["fd:3", "for servers"]),
    ] {
        assert_usage(&run_bullhorn(["send", endpoint, "hello"]), &words);
    }
}

#[test]
fn help_and_version_stay_as_they_are() {
    for flag in ["--help", "--version"] {
        let ended = run_bullhorn([flag]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert!(ended.text().contains("bullhorn"), "{}", ended.text());
    }
    assert!(
        run_bullhorn(["serve", "--help"])
            .text()
            .contains("Exit codes:")
    );
    let without_a_verb = run_bullhorn::<&str>([]);
    assert_eq!(without_a_verb.code, 2);
    assert!(without_a_verb.stderr.contains("Usage: bullhorn"));
}

const VERBS: [&str; 5] = ["serve", "send", "ping", "bench", "demo"];

#[test]
fn the_short_help_has_one_line_for_each_flag_under_headings() {
    for verb in VERBS {
        let help = run_bullhorn([verb, "-h"]).text();
        let (_, flags) = help.split_once("\nOptions:\n").unwrap();
        let (flags, _) = flags.split_once("\nDetails, ").unwrap();
        assert!(flags.contains("\nOutput:\n"), "{verb}: {help}");
        for line in flags.lines().filter(|line| !line.is_empty()) {
            let is_flag = line.trim_start().starts_with('-') && line.contains("  ");
            assert!(is_flag || line.ends_with(':'), "{verb}: {line:?}");
            assert!(line.chars().count() <= 100, "{verb}: {line}");
        }
    }
}

#[test]
fn the_long_help_has_examples_and_explains_environment_variables_once() {
    for verb in VERBS {
        let help = run_bullhorn([verb, "--help"]).text();
        assert!(help.contains("\nExamples:\n"), "{verb}: {help}");
        assert!(
            help.contains(&format!("    bullhorn {verb}"))
                || help.contains(&format!("| bullhorn {verb}"))
        );
        assert_eq!(
            help.matches("BULLHORN_TIMEOUT").count(),
            1,
            "{verb}: {help}"
        );
        assert!(!help.contains("[env:"), "{verb}: {help}");
    }
}
