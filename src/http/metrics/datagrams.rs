//! The metrics of datagram endpoints: their names and help, and the total that each shows.

use super::families::{EndpointTotals, Families};
use crate::http::exposition::Encoder;
use bullhorn_server::stats::{DatagramTotals, DropCause};
use bullhorn_socket::datagrams::MAX_RECEIVED_SEGMENTS;
use bullhorn_socket::datagrams::{BUFFER_SIZE, MAX_BATCH};

/// Writes them for at least one endpoint.
pub(super) fn write(encoder: &mut Encoder, endpoints: &[EndpointTotals<DatagramTotals>]) {
    let mut families = Families { encoder, endpoints };
    families.counter(
        "bullhorn_datagrams_received",
        "Datagrams taken from the kernel: answered and dropped ones.",
        |totals| totals.received,
    );
    families.counter(
        "bullhorn_datagrams_answered",
        "Datagrams answered.",
        |totals| totals.answered,
    );
    families.counters(
        "bullhorn_datagrams_dropped",
        "Datagrams received and not answered, by cause.",
        ("cause", |totals| {
            DropCause::ALL
                .map(|cause| (cause.name(), totals.dropped_by(cause)))
                .into()
        }),
    );
    families.counter(
        "bullhorn_datagrams_kernel_dropped",
        "Datagrams that the kernel dropped because the receive buffer was full.",
        |totals| totals.kernel_dropped,
    );
    if endpoints
        .iter()
        .any(|(_, totals)| totals.impaired.is_some())
    {
        families.counters(
            "bullhorn_datagrams_impaired",
            "What the simulated bad network (--impair) did to answers.",
            ("impairment", |totals| {
                let named = totals.impaired.map(|impaired| impaired.named().into());
                named.unwrap_or_default()
            }),
        );
    }
    families.histogram(
        "bullhorn_batch_datagrams",
        "Datagrams returned by one receive call.",
        (MAX_BATCH * MAX_RECEIVED_SEGMENTS) as u64,
        |totals| totals.batches,
    );
    families.histogram(
        "bullhorn_run_datagrams",
        "Datagrams of one flow received as segments of one buffer.",
        MAX_RECEIVED_SEGMENTS as u64,
        |totals| totals.runs,
    );
    families.histogram(
        "bullhorn_datagram_size_bytes",
        "Bytes in each datagram received.",
        BUFFER_SIZE as u64,
        |totals| totals.datagrams,
    )
}
