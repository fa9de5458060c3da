//! The most recent peers of each endpoint, as text and as JSON.

use std::io::{self, Write};
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::drops::{causes_text, connection_drops, datagram_peer_drops};
use super::json::SCHEMA;
use crate::report::units::{nanoseconds, seconds};
use bullhorn_server::stats::StreamTotals;
use bullhorn_server::{DatagramPeer, EndpointPeers, Peer, PeerTotals};
use bullhorn_socket::SocketType;
use bullhorn_socket::visible::VisibleLines;

/// A line for each peer, and one for each endpoint that says how many there are:
/// `udp://127.0.0.1:3000: peer 127.0.0.1: received 2 = answered 2 + dropped 0; last seen 1.2 s ago`
pub(crate) fn peers_text(
    to: &mut dyn Write,
    endpoints: &[EndpointPeers],
    now: Instant,
) -> io::Result<()> {
    let to = &mut VisibleLines(to);
    for of_endpoint in endpoints {
        let endpoint = &of_endpoint.endpoint;
        let (listed, evicted) = (of_endpoint.peers.len(), of_endpoint.evicted);
        writeln!(to, "{endpoint}: peers: {listed} listed, {evicted} evicted")?;
        for peer in &of_endpoint.peers {
            let (name, totals) = (peer.name(), totals_text(&peer.totals));
            let age = seconds(now.saturating_duration_since(peer.last_seen));
            writeln!(to, "{endpoint}: peer {name}: {totals}; last seen {age} ago")?;
        }
    }
    Ok(())
}

fn totals_text(totals: &PeerTotals) -> String {
    match totals {
        PeerTotals::Datagram(totals) => format!(
            "received {} = answered {} + dropped {}{}",
            totals.received,
            totals.answered(),
            totals.dropped(),
            causes_text(datagram_peer_drops(totals)),
        ),
        PeerTotals::Stream(totals) => format!(
            "accepted {} = finished {} + dropped {}{} + open {}; bytes received: {}, answered: {}",
            totals.accepted,
            totals.finished,
            totals.dropped(),
            causes_text(connection_drops(totals)),
            totals.open(),
            totals.received_bytes,
            totals.answered_bytes,
        ),
    }
}

/// An object with `"event": "peers"`: what is printed, and what `/api/peers` returns.
pub(crate) fn peers_json(endpoints: &[EndpointPeers], now: Instant) -> Value {
    let of_endpoint = |of_endpoint: &EndpointPeers| {
        let peers = of_endpoint.peers.iter().map(|peer| peer_json(peer, now));
        json!({
            "endpoint": of_endpoint.endpoint.to_string(),
            "evicted": of_endpoint.evicted,
            "peers": peers.collect::<Vec<_>>(),
        })
    };
    let endpoints: Vec<Value> = endpoints.iter().map(of_endpoint).collect();
    json!({
        "schema": SCHEMA,
        "event": "peers",
        "endpoints": endpoints,
    })
}

fn peer_json(peer: &Peer, now: Instant) -> Value {
    let age = now.saturating_duration_since(peer.last_seen);
    let mut object = json!({
        "peer": peer.name(),
        "last_seen_age_ns": nanoseconds(age),
    });
    let totals = match &peer.totals {
        PeerTotals::Datagram(totals) => datagram_json(totals),
        PeerTotals::Stream(totals) => stream_json(peer.socket_type, totals),
    };
    if let (Some(object), Value::Object(totals)) = (object.as_object_mut(), totals) {
        object.extend(totals);
    }
    object
}

fn datagram_json(totals: &DatagramPeer) -> Value {
    json!({
        "type": "SOCK_DGRAM",
        "received": totals.received,
        "answered": totals.answered(),
        "dropped": totals.dropped(),
        "dropped_by": met(datagram_peer_drops(totals)),
    })
}

fn stream_json(socket_type: SocketType, totals: &StreamTotals) -> Value {
    json!({
        "type": socket_type.to_string(),
        "accepted": totals.accepted,
        "finished": totals.finished,
        "dropped": totals.dropped(),
        "dropped_by": met(connection_drops(totals)),
        "open": totals.open(),
        "received_bytes": totals.received_bytes,
        "answered_bytes": totals.answered_bytes,
        "unsent_bytes": totals.unsent_bytes,
    })
}

/// The causes that were met: most peers meet none, and there may be thousands of peers.
fn met(causes: impl Iterator<Item = (&'static str, u64)>) -> Value {
    let met = causes.filter(|(_, count)| *count > 0);
    Value::Object(
        met.map(|(name, count)| (name.to_owned(), count.into()))
            .collect::<Map<_, _>>(),
    )
}
