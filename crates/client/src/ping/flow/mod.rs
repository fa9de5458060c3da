//! One way to the endpoint and back, reopened when it breaks: a source port, or a connection.
//!
//! A flow carries texts and answers but knows no numbers; the answer itself identifies its probe.
//! No call here waits.

mod answer;
mod datagram;
mod probe_flow;
mod stream;

use std::time::Duration;

pub(super) use answer::AnswerBuffer;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use datagram::DatagramProbes;
pub(super) use probe_flow::{ProbeFlow, Reception, Transmission};
use stream::StreamProbes;

/// A flow to `endpoint`, not open yet. A connection that takes longer than `timeout` is tried again.
pub(super) fn new(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    timeout: Duration,
) -> Box<dyn ProbeFlow> {
    match endpoint.socket_type() {
        Some(SocketType::Stream) => Box::new(StreamProbes::new(endpoint, options, timeout)),
        _ => Box::new(DatagramProbes::new(endpoint, options)),
    }
}
