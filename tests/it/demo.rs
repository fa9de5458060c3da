//! `demo`: the first thing a newcomer runs.

use crate::support::{bullhorn, run, run_bullhorn};

#[test]
fn demo_answers_over_all_six_pairs_and_exits_0() {
    let ended = run_bullhorn(["demo", "hello, wörld"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        ended.text().matches("HELLO, WÖRLD").count(),
        6,
        "{}",
        ended.text()
    );
    for (family, socket_type) in [
        ("AF_INET ", "SOCK_DGRAM"),
        ("AF_INET6", "SOCK_STREAM"),
        ("AF_UNIX ", "SOCK_DGRAM"),
    ] {
        assert!(
            ended
                .text()
                .lines()
                .any(|line| line.contains(family) && line.contains(socket_type))
        );
    }
}

#[test]
fn demo_in_json_has_a_line_for_each_pair_and_a_summary() {
    let ended = run_bullhorn(["demo", "--json", "ß"]);
    let summary = ended.summary();
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["asked"], 6);
    assert_eq!(summary["right"], 6);
    assert_eq!(ended.text().matches(r#""answer":"SS""#).count(), 6);
}

#[test]
fn the_environment_is_the_twin_of_a_flag() {
    let ended = run(
        bullhorn().args(["demo", "a"]).env("BULLHORN_JSON", "1"),
        b"",
    );
    assert_eq!(ended.summary()["right"], 6);
}
