//! One way to the endpoint and back, reopened when it breaks: a source port, a connection, or a
//! connection for each probe.
//!
//! The answer itself identifies its probe, except where each has its own connection. No call here
//! waits.

mod answer;
mod datagram;
mod packet;
mod probe_flow;
mod reconnect;
mod stream;

pub(super) use answer::AnswerBuffer;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use datagram::DatagramProbes;
use packet::PacketProbes;
pub(super) use probe_flow::{ProbeFlow, Reception, Transmission};
use reconnect::ReconnectingProbes;
use stream::StreamProbes;

use super::settings::Settings;

/// A flow to `endpoint`, not open yet. A connection that takes longer than the timeout is tried
/// again.
pub(super) fn new(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    settings: &Settings,
) -> Box<dyn ProbeFlow> {
    let timeout = settings.timeout;
    match endpoint.socket_type() {
        Some(SocketType::Stream | SocketType::SeqPacket) if settings.reconnects => {
            Box::new(ReconnectingProbes::new(endpoint, options, timeout))
        }
        Some(SocketType::Stream) => Box::new(StreamProbes::new(endpoint, options, timeout)),
        Some(SocketType::SeqPacket) => Box::new(PacketProbes::new(endpoint, options)),
        _ => Box::new(DatagramProbes::new(endpoint, options)),
    }
}
