//! The metrics of stream endpoints: their names and help, and the total that each shows.

use super::families::{EndpointTotals, Families};
use crate::http::exposition::Encoder;
use bullhorn_server::stats::{ConnectionDropCause, StreamTotals};

/// Writes them for at least one endpoint.
pub(super) fn write(encoder: &mut Encoder, endpoints: &[EndpointTotals<StreamTotals>]) {
    let mut families = Families { encoder, endpoints };
    families.counter(
        "bullhorn_connections_accepted",
        "Connections accepted: finished, dropped and open ones.",
        |totals| totals.accepted,
    );
    families.counter(
        "bullhorn_connections_finished",
        "Connections that ended with every byte answered.",
        |totals| totals.finished,
    );
    families.counter(
        "bullhorn_connections_without_mptcp",
        "Connections to an MPTCP endpoint over plain TCP.",
        |totals| totals.without_mptcp,
    );
    families.counter(
        "bullhorn_accept_failures",
        "Calls of accept(2) that failed.",
        |totals| totals.accept_failures,
    );
    families.counters(
        "bullhorn_connections_dropped",
        "Connections that ended any other way, by cause.",
        ("cause", |totals| {
            ConnectionDropCause::ALL
                .map(|cause| (cause.name(), totals.dropped_by(cause)))
                .into()
        }),
    );
    families.gauge(
        "bullhorn_connections_open",
        "Connections open now.",
        StreamTotals::open,
    );
    families.counter(
        "bullhorn_stream_received_bytes",
        "Bytes read from connections.",
        |totals| totals.received_bytes,
    );
    families.counter(
        "bullhorn_stream_answered_bytes",
        "Bytes of answers written to connections.",
        |totals| totals.answered_bytes,
    );
    families.counter(
        "bullhorn_stream_unsent_bytes",
        "Bytes of answers that could not be written.",
        |totals| totals.unsent_bytes,
    )
}
