//! Checks which host a request is for.
//!
//! A web page can have a name that resolves to 127.0.0.1 (DNS rebinding), and so read through the
//! browser what a loopback address serves. Its requests carry that name. Other addresses need no
//! check: a client that can reach them needs no browser for it.

use std::net::IpAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

const MISDIRECTED: &str =
    "this address answers only to localhost, 127.0.0.0/8 and [::1]; check the Host header\n";

/// Refuses every request that is not for a loopback host.
pub(super) fn only_loopback(router: Router) -> Router {
    router.layer(middleware::from_fn(refuse_other_hosts))
}

async fn refuse_other_hosts(request: Request, next: Next) -> Response {
    if is_for_loopback(&request) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, MISDIRECTED).into_response()
    }
}

/// Whether every Host header and the authority of the URI, where there is one, name a loopback
/// host. HTTP/1.0 permits a request without a host, which no browser sends.
fn is_for_loopback(request: &Request) -> bool {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let headers = request.headers().get_all(HOST).iter();
    let mut hosts = headers
        .map(|host| host.to_str().unwrap_or(""))
        .chain(authority);
    hosts.all(is_loopback)
}

/// Whether a host, as in `localhost:9300`, is a name or an address of loopback.
fn is_loopback(host: &str) -> bool {
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
    fn only_loopback_names_and_addresses_are_accepted() {
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
            assert!(is_loopback(host), "{host}");
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
            assert!(!is_loopback(host), "{host}");
        }
    }
}
