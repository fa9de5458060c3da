//! The grammar of endpoints: defaults, other ways to write the same, Unix names.
//!
//! [`malformed`] has what is refused and why, [`properties`] what holds for every endpoint.

mod malformed;
mod properties;

use super::{Endpoint, MAX_UNIX_NAME, ParseEndpointError, Problem, SocketType, UnixName};

fn parse(text: &str) -> Result<Endpoint, ParseEndpointError> {
    text.parse()
}

/// What `text` is printed as.
fn shown(text: &str) -> String {
    parse(text)
        .unwrap_or_else(|error| panic!("{error}"))
        .to_string()
}

/// Asserts that `text` is refused for `problem`, in one line that quotes it and ends in an example, or
/// in what was probably meant; either parses.
fn assert_refused(text: &str, problem: &Problem) {
    let error = match parse(text) {
        Ok(endpoint) => panic!("{text:?} is taken for {endpoint:?}"),
        Err(error) => error,
    };
    assert_eq!(error.problem(), problem, "{text:?}");
    let line = error.to_string();
    assert!(!line.chars().any(char::is_control), "{line:?}");
    let reason = line.strip_prefix(&format!("invalid endpoint {text:?}: "));
    let reason = reason.unwrap_or_else(|| panic!("{line}"));
    let meant = reason.strip_prefix("did you mean \"");
    match meant.and_then(|meant| meant.strip_suffix("\"?")) {
        Some(meant) => assert!(parse(meant).is_ok(), "{line}"),
        None => assert!(line.ends_with(error.example()), "{line}"),
    }
    assert_eq!(shown(error.example()), error.example());
}

#[test]
fn a_missing_scheme_is_udp_and_a_missing_port_3000() {
    for (text, expected) in [
        ("127.0.0.1", "udp://127.0.0.1:3000"),
        ("127.0.0.1:53", "udp://127.0.0.1:53"),
        ("[::1]", "udp://[::1]:3000"),
        ("[::1]:53", "udp://[::1]:53"),
        (":53", "udp://:53"),
        ("localhost", "udp://localhost:3000"),
        ("tcp://localhost", "tcp://localhost:3000"),
        ("tcp://[::1]", "tcp://[::1]:3000"),
        ("mptcp://[::1]", "mptcp://[::1]:3000"),
        ("udp", "udp://udp:3000"),
    ] {
        assert_eq!(shown(text), expected);
    }
    assert_eq!(Endpoint::default().to_string(), "udp://127.0.0.1:3000");
}

#[test]
fn one_endpoint_may_be_written_in_several_ways() {
    for (text, expected) in [
        ("UDP://127.0.0.1:3000", "udp://127.0.0.1:3000"),
        ("Unix:/run/Bullhorn.sock", "unix:/run/Bullhorn.sock"),
        ("unix:///run/x", "unix:/run/x"),
        ("unixgram:///run/x", "unixgram:/run/x"),
        ("unixpacket:///run/x", "unixpacket:/run/x"),
        ("udp://127.0.0.1:00080", "udp://127.0.0.1:80"),
        ("[2001:0DB8:0:0:0:0:0:1%007]:1", "udp://[2001:db8::1%7]:1"),
        ("[::ffff:127.0.0.1]", "udp://[::ffff:127.0.0.1]:3000"),
        ("fd:0003", "fd:3"),
        ("host.example.:1", "udp://host.example.:1"),
        ("bücher.example:1", "udp://bücher.example:1"),
        ("0x:1", "udp://0x:1"),
    ] {
        assert_eq!(shown(text), expected);
    }
}

#[test]
fn a_unix_name_is_taken_as_it_is() {
    for text in [
        "unix:relative",
        "unix:/tmp/with space:3000",
        "unix:/tmp/a://b",
        "unixgram:@with/slash@and:colon",
        "unix:./@x",
        "unix:@@x",
        "unixgram:/tmp/гудок",
        "unix:@гудок",
        "unix:[::1]:3000",
        "unixpacket:@a/b",
    ] {
        assert_eq!(shown(text), text);
    }
    let path = |text: &str| Endpoint::Unix {
        socket_type: SocketType::Stream,
        name: UnixName::Path(text.to_owned()),
    };
    assert_eq!(parse("unix:./@x"), Ok(path("./@x")));
    assert_eq!(parse("unix:/@x"), Ok(path("/@x")));
    // As the kernel may report a name that was never typed here.
    assert_eq!(path("@x").to_string(), "unix:./@x");
    assert_eq!(path("//x").to_string(), "unix:////x");
    assert_eq!(parse("unix:////x"), Ok(path("//x")));
}

#[test]
fn the_longest_unix_name_has_107_bytes() {
    let just = "ü".repeat(53) + "x";
    assert_eq!(just.len(), MAX_UNIX_NAME);
    let over = format!("{just}x");
    assert_eq!(shown(&format!("unix:{just}")), format!("unix:{just}"));
    assert_eq!(shown(&format!("unix:@{just}")), format!("unix:@{just}"));
    assert_refused(&format!("unix:{over}"), &Problem::PathTooLong(108));
    assert_refused(&format!("unixgram:{over}"), &Problem::PathTooLong(108));
    assert_refused(&format!("unix:@{over}"), &Problem::AbstractNameTooLong(108));
}
