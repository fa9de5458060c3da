//! Each malformed form gets one line: what is wrong, and a correct example.

use super::{Problem, assert_refused, parse};

#[test]
fn a_malformed_scheme_says_which_are_known_or_where_slashes_go() {
    let unknown = |scheme: &str| Problem::UnknownScheme(scheme.to_owned());
    for (text, problem) in [
        ("", Problem::Empty),
        ("http://127.0.0.1:3000", unknown("http")),
        ("udp6://[::1]:3000", unknown("udp6")),
        ("://127.0.0.1:3000", unknown("")),
        (" udp://127.0.0.1:3000", unknown(" udp")),
        ("127.0.0.1://3000", unknown("127.0.0.1")),
        ("unixstream:/run/x", unknown("unixstream")),
        ("unixstream:@x", unknown("unixstream")),
        ("udp:127.0.0.1", Problem::MissingSlashes("udp")),
        ("udp:3000", Problem::MissingSlashes("udp")),
        ("udp:/127.0.0.1", Problem::MissingSlashes("udp")),
        ("udp:", Problem::MissingSlashes("udp")),
        ("tcp:[::1]:3000", Problem::MissingSlashes("tcp")),
        ("unix://run/x", Problem::NeedlessSlashes("unix")),
        ("mptcp:3000", Problem::MissingSlashes("mptcp")),
        ("unixpacket://@x", Problem::NeedlessSlashes("unixpacket")),
        ("unixgram://@x", Problem::NeedlessSlashes("unixgram")),
        ("unix://", Problem::NeedlessSlashes("unix")),
        ("fd://3", Problem::NeedlessSlashes("fd")),
        ("udp://", Problem::MissingAddress),
        ("tcp://", Problem::MissingAddress),
    ] {
        assert_refused(text, &problem);
    }
}

#[test]
fn a_malformed_port_says_what_is_wrong_with_it() {
    let not_a_number = |port: &str| Problem::PortNotANumber(port.to_owned());
    let too_large = |port: &str| Problem::PortTooLarge(port.to_owned());
    let after = |text: &str| Problem::TextAfterPort(text.to_owned());
    for (text, problem) in [
        (":", Problem::MissingPort),
        ("udp://:", Problem::MissingPort),
        ("localhost:", Problem::MissingPort),
        ("tcp://127.0.0.1:", Problem::MissingPort),
        ("[::1]:", Problem::MissingPort),
        ("127.0.0.1:-1", not_a_number("-1")),
        ("127.0.0.1:+1", not_a_number("+1")),
        ("127.0.0.1:http", not_a_number("http")),
        ("127.0.0.1: 3000", not_a_number(" 3000")),
        ("127.0.0.1:٣", not_a_number("٣")),
        ("[::1]:x", not_a_number("x")),
        ("127.0.0.1:65536", too_large("65536")),
        ("tcp://[::1]:65536", too_large("65536")),
        (":99999999999999999999", too_large("99999999999999999999")),
        ("127.0.0.1:3000/", after("/")),
        ("tcp://127.0.0.1:3000/path", after("/path")),
        ("127.0.0.1:3000 ", after(" ")),
        ("127.0.0.1:3000:", after(":")),
        ("127.0.0.1:0x10", after("x10")),
        ("localhost:3000:4000", after(":4000")),
        ("localhost/", after("/")),
        ("localhost/path:3000", after("/path")),
        ("127.0.0.1/8", after("/8")),
    ] {
        assert_refused(text, &problem);
    }
}

#[test]
fn a_malformed_address_or_name_says_what_is_wrong_with_it() {
    let not_ipv6 = |text: &str| Problem::NotIpv6(text.to_owned());
    let not_ipv4 = |text: &str| Problem::NotIpv4(text.to_owned());
    let bad_name = |text: &str| Problem::BadName(text.to_owned());
    let label_too_long = "x".repeat(64);
    let name_too_long = format!("{}xx", "abc.".repeat(63));
    for (text, problem) in [
        ("::1", Problem::BareIpv6),
        ("::1:3000", Problem::BareIpv6),
        ("::", Problem::BareIpv6),
        ("udp://::1", Problem::BareIpv6),
        ("tcp://fe80::1%eth0:3000", Problem::BareIpv6),
        ("2001:db8::zz", Problem::BareIpv6),
        ("[::1", Problem::UnclosedBracket),
        ("udp://[::1:3000", Problem::UnclosedBracket),
        ("[127.0.0.1]:3000", not_ipv6("127.0.0.1")),
        ("[localhost]:3000", not_ipv6("localhost")),
        ("tcp://[]:3000", not_ipv6("")),
        ("[::1 ]", not_ipv6("::1 ")),
        ("[1:2:3:4:5:6:7:8:9]", not_ipv6("1:2:3:4:5:6:7:8:9")),
        ("[::1]3000", Problem::TextAfterBracket("3000".to_owned())),
        ("[::1]/", Problem::TextAfterBracket("/".to_owned())),
        (
            "[::1] :3000",
            Problem::TextAfterBracket(" :3000".to_owned()),
        ),
        ("256.1.1.1", not_ipv4("256.1.1.1")),
        ("127.1", not_ipv4("127.1")),
        ("127.0.0.01:3000", not_ipv4("127.0.0.01")),
        ("127.0.0.1.", not_ipv4("127.0.0.1.")),
        ("1.2.3.4.5", not_ipv4("1.2.3.4.5")),
        ("0x7f000001", not_ipv4("0x7f000001")),
        ("0x7f.0.0.0X1:3000", not_ipv4("0x7f.0.0.0X1")),
        ("host.1", not_ipv4("host.1")),
        ("3000", Problem::NumberAlone("3000".to_owned())),
        ("tcp://3000", Problem::NumberAlone("3000".to_owned())),
        (
            "2130706433:53",
            Problem::NumberAlone("2130706433".to_owned()),
        ),
        ("user@host", bad_name("user@host")),
        ("user@127.0.0.1:3000", bad_name("user@127.0.0.1")),
        ("two words", bad_name("two words")),
        ("127.0.0.1 :3000", bad_name("127.0.0.1 ")),
        ("*:3000", bad_name("*")),
        (".", bad_name(".")),
        ("a..b", bad_name("a..b")),
        (".a", bad_name(".a")),
        ("-a", bad_name("-a")),
        ("a?b", bad_name("a?b")),
        ("]:1", bad_name("]")),
        ("]::1[", bad_name("]")),
        (&label_too_long, bad_name(&label_too_long)),
        (&name_too_long, bad_name(&name_too_long)),
    ] {
        assert_refused(text, &problem);
    }
}

#[test]
fn a_number_alone_is_taken_for_a_port() {
    for (text, reason) in [
        ("3000", "did you mean \":3000\"?"),
        ("tcp://3000", "did you mean \"tcp://:3000\"?"),
        (
            "70000",
            "\"70000\" is a number, not a host; write it like udp://127.0.0.1:3000",
        ),
        (
            "2130706433:53",
            "\"2130706433\" is a number, not a host; write it like udp://127.0.0.1:3000",
        ),
    ] {
        let line = parse(text).unwrap_err().to_string();
        assert_eq!(line, format!("invalid endpoint {text:?}: {reason}"));
    }
}

#[test]
fn a_malformed_zone_name_or_descriptor_says_what_is_wrong_with_it() {
    let bad_descriptor = |text: &str| Problem::BadDescriptor(text.to_owned());
    for (text, problem) in [
        ("[fe80::1%]:3000", Problem::BadZone),
        ("[fe80::1%0]", Problem::BadZone),
        ("[fe80::1%4294967296]", Problem::BadZone),
        ("[fe80::1%eth 0]", Problem::BadZone),
        ("[fe80::1%a/b]", Problem::BadZone),
        ("[fe80::1%..]", Problem::BadZone),
        ("[fe80::1%25%eth0]", Problem::BadZone),
        ("tcp://[fe80::1%sixteen-letters-]", Problem::BadZone),
        ("unix:", Problem::EmptyPath),
        ("unixpacket:", Problem::EmptyPath),
        ("unixgram:", Problem::EmptyPath),
        ("unix:@", Problem::EmptyAbstractName),
        ("unixgram:@", Problem::EmptyAbstractName),
        ("unix:/run/a\nb", Problem::ControlCharacter),
        ("unix:@a\0b", Problem::ControlCharacter),
        ("127.0.0.1:3000\n", Problem::ControlCharacter),
        ("\u{1b}[31mhost", Problem::ControlCharacter),
        ("fd:", bad_descriptor("")),
        ("fd:x", bad_descriptor("x")),
        ("fd:-1", bad_descriptor("-1")),
        ("fd:+3", bad_descriptor("+3")),
        ("fd: 3", bad_descriptor(" 3")),
        ("fd:3:4", bad_descriptor("3:4")),
        ("fd:2147483648", bad_descriptor("2147483648")),
        ("fd:99999999999", bad_descriptor("99999999999")),
    ] {
        assert_refused(text, &problem);
    }
}

#[test]
fn the_example_is_of_the_kind_that_was_meant() {
    for (text, example) in [
        ("tcp://127.0.0.1:x", "tcp://127.0.0.1:3000"),
        ("tcp://::1", "tcp://[::1]:3000"),
        ("[127.0.0.1]:3000", "udp://127.0.0.1:3000"),
        ("tcp://[fe80::1%]", "tcp://[fe80::1%eth0]:3000"),
        ("unixpacket:", "unixpacket:/run/bullhorn.sock"),
        ("unixpacket:@", "unixpacket:@bullhorn"),
        ("unixgram:", "unixgram:/run/bullhorn.sock"),
        ("unixgram:@", "unixgram:@bullhorn"),
        ("fd:x", "fd:3"),
    ] {
        assert_eq!(parse(text).unwrap_err().example(), example, "{text}");
    }
}
