//! Whether a request is meant for this address: the check of its Host header.
//!
//! A page in somebody's browser may have a name that resolves to 127.0.0.1 (DNS rebinding), and
//! then read what an address of loopback answers. Its requests carry that name. On other addresses
//! nothing is checked: whoever can reach them needs no browser for it.

use std::net::IpAddr;

/// What a request is told that is meant for another host.
pub(super) const REFUSAL: &str =
    "this address answers only to localhost, 127.0.0.0/8 and [::1]; check the Host header\n";

/// Whether a host as in `localhost:9300` is a name or an address of loopback. `None`, as HTTP/1.0
/// permits it, is: a browser always names a host.
pub(super) fn is_loopback(host: Option<&str>) -> bool {
    let Some(host) = host else {
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = match name.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.and_then(|inner| inner.parse().ok()).map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    };
    address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_of_loopback_pass() {
        for host in [
            "localhost",
            "LocalHost:9300",
            "localhost:",
            "127.0.0.1",
            "127.9.9.9:80",
            "[::1]",
            "[::1]:9300",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(Some(host)), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:9300",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1:9300",
            "0.0.0.0",
            "2130706433",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "[2001:db8::1]:9300",
            "localhost:x",
            "a:localhost",
        ] {
            assert!(!is_loopback(Some(host)), "{host}");
        }
        assert!(is_loopback(None));
    }
}
