//! The URL under which the metrics are served.

use bullhorn_socket::Description;

/// `http://127.0.0.1:9300/metrics`; `None` for a Unix socket, which has no URL.
pub(super) fn metrics_url(socket: &Description) -> Option<String> {
    let endpoint = socket.endpoint.to_string();
    let address = endpoint.strip_prefix("tcp://")?;
    Some(format!("http://{address}/metrics"))
}
