//! The metrics of a server: which there are, and where their values come from. Each is explained
//! in docs/metrics.md.

use std::io::{self, Write};

use super::openmetrics::{Encoder, Family, Format, Kind};
use crate::server::stats::{
    ConnectionDropCause, DatagramTotals, DropCause, Histogram, Stats, StreamTotals, Totals,
};

/// What is known of the process itself; `None` is what could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// When it started, in seconds since 1970.
    pub start_seconds: Option<f64>,
    /// What it has had of the processors, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory that is in use.
    pub resident_bytes: Option<u64>,
    /// Memory that is mapped.
    pub virtual_bytes: Option<u64>,
    /// Open descriptors.
    pub open_descriptors: Option<u64>,
    /// The most descriptors that may be open.
    pub max_descriptors: Option<u64>,
}

/// Writes all metrics.
///
/// # Errors
/// The writer's.
pub fn write(
    to: &mut dyn Write,
    format: Format,
    stats: &Stats,
    process: &Process,
) -> io::Result<()> {
    let mut encoder = Encoder::new(to, format);
    let build = Family {
        name: "bullhorn_build",
        kind: Kind::Info,
        help: "The version that runs, and the compiler that made it.",
    };
    let version = env!("CARGO_PKG_VERSION");
    let compiler = env!("BULLHORN_RUSTC");
    encoder.family(&build)?;
    encoder.sample(&build, &[("version", version), ("rustc", compiler)], 1)?;
    let (datagrams, streams) = by_type(stats);
    if !datagrams.is_empty() {
        write_datagrams(&mut encoder, &datagrams)?;
    }
    if !streams.is_empty() {
        write_streams(&mut encoder, &streams)?;
    }
    write_process(&mut encoder, process)?;
    encoder.end()
}

/// An endpoint, as it is written, and its totals.
type Of<T> = (String, T);

/// Datagram and stream endpoints. Sockets that are known by the same name are one endpoint, as
/// they may be when they are inherited.
fn by_type(stats: &Stats) -> (Vec<Of<DatagramTotals>>, Vec<Of<StreamTotals>>) {
    fn add<T: std::ops::AddAssign>(all: &mut Vec<Of<T>>, name: String, totals: T) {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += totals,
            None => all.push((name, totals)),
        }
    }
    let (mut datagrams, mut streams) = (Vec::new(), Vec::new());
    for (endpoint, totals) in &stats.endpoints {
        match totals {
            Totals::Datagram(totals) => add(&mut datagrams, endpoint.to_string(), *totals),
            Totals::Stream(totals) => add(&mut streams, endpoint.to_string(), *totals),
        }
    }
    (datagrams, streams)
}

/// The most datagrams in a run: UDP_MAX_SEGMENTS in include/linux/udp.h.
const MAX_RUN: u64 = 128;

/// The most datagrams in a batch: runs in a batch, times those in a run.
const MAX_BATCH: u64 = 64 * MAX_RUN;

/// Nothing longer is received, see [`crate::socket::batch::BUFFER_SIZE`].
const MAX_DATAGRAM: u64 = 65_536;

fn write_datagrams(encoder: &mut Encoder<'_>, all: &[Of<DatagramTotals>]) -> io::Result<()> {
    counter(
        encoder,
        all,
        "bullhorn_datagrams_received",
        "Datagrams taken from the kernel: answered and dropped ones.",
        |totals| totals.received,
    )?;
    counter(
        encoder,
        all,
        "bullhorn_datagrams_answered",
        "Datagrams answered.",
        |totals| totals.answered,
    )?;
    counters(
        encoder,
        all,
        "bullhorn_datagrams_dropped",
        "Datagrams received and not answered, by cause.",
        ("cause", |totals| {
            DropCause::ALL
                .map(|cause| (cause.name(), totals.dropped_by(cause)))
                .into()
        }),
    )?;
    counter(
        encoder,
        all,
        "bullhorn_datagrams_kernel_dropped",
        "Datagrams that the kernel dropped before they were received, as the receive buffer was full.",
        |totals| totals.kernel_dropped,
    )?;
    if all.iter().any(|(_, totals)| totals.impaired.is_some()) {
        counters(
            encoder,
            all,
            "bullhorn_datagrams_impaired",
            "Answers that the bad network, which was asked for, did something to.",
            ("impairment", |totals| {
                let named = totals.impaired.map(|impaired| impaired.named().into());
                named.unwrap_or_default()
            }),
        )?;
    }
    histogram(
        encoder,
        all,
        "bullhorn_batch_datagrams",
        "Datagrams that one receive call gave.",
        MAX_BATCH,
        |totals| totals.batches,
    )?;
    histogram(
        encoder,
        all,
        "bullhorn_run_datagrams",
        "Datagrams of one flow that came as segments of one buffer.",
        MAX_RUN,
        |totals| totals.runs,
    )?;
    histogram(
        encoder,
        all,
        "bullhorn_datagram_size_bytes",
        "Bytes in each datagram received.",
        MAX_DATAGRAM,
        |totals| totals.datagrams,
    )
}

fn write_streams(encoder: &mut Encoder<'_>, all: &[Of<StreamTotals>]) -> io::Result<()> {
    counter(
        encoder,
        all,
        "bullhorn_connections_accepted",
        "Connections accepted: finished, dropped and open ones.",
        |totals| totals.accepted,
    )?;
    counter(
        encoder,
        all,
        "bullhorn_connections_finished",
        "Connections that ended with every byte answered.",
        |totals| totals.finished,
    )?;
    counter(
        encoder,
        all,
        "bullhorn_accept_failures",
        "Calls of accept(2) that failed.",
        |totals| totals.accept_failures,
    )?;
    counters(
        encoder,
        all,
        "bullhorn_connections_dropped",
        "Connections that did not come to their proper end, by cause.",
        ("cause", |totals| {
            ConnectionDropCause::ALL
                .map(|cause| (cause.name(), totals.dropped_by(cause)))
                .into()
        }),
    )?;
    let open = Family {
        name: "bullhorn_connections_open",
        kind: Kind::Gauge,
        help: "Connections open now.",
    };
    encoder.family(&open)?;
    for (endpoint, totals) in all {
        encoder.sample(&open, &[("endpoint", endpoint)], totals.open())?;
    }
    counter(
        encoder,
        all,
        "bullhorn_stream_received_bytes",
        "Bytes read from connections.",
        |totals| totals.received_bytes,
    )?;
    counter(
        encoder,
        all,
        "bullhorn_stream_answered_bytes",
        "Bytes of answers written to connections.",
        |totals| totals.answered_bytes,
    )?;
    counter(
        encoder,
        all,
        "bullhorn_stream_unsent_bytes",
        "Bytes of answers that were made and could not be written.",
        |totals| totals.unsent_bytes,
    )
}

fn write_process(encoder: &mut Encoder<'_>, process: &Process) -> io::Result<()> {
    let mut write = |name, kind, help, value: Option<f64>| {
        let Some(value) = value else {
            return Ok(());
        };
        let family = Family { name, kind, help };
        encoder.family(&family)?;
        encoder.sample(&family, &[], value)
    };
    // Exact up to 2^53.
    let whole = |number: Option<u64>| number.map(|number| number as f64);
    write(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process started, in seconds since 1970.",
        process.start_seconds,
    )?;
    write(
        "process_cpu_seconds",
        Kind::Counter,
        "Processor time used, by the process and for it by the kernel.",
        process.cpu_seconds,
    )?;
    write(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Memory in use.",
        whole(process.resident_bytes),
    )?;
    write(
        "process_virtual_memory_bytes",
        Kind::Gauge,
        "Memory mapped; most of it is never touched.",
        whole(process.virtual_bytes),
    )?;
    write(
        "process_open_fds",
        Kind::Gauge,
        "Open descriptors.",
        whole(process.open_descriptors),
    )?;
    write(
        "process_max_fds",
        Kind::Gauge,
        "The most descriptors that may be open.",
        whole(process.max_descriptors),
    )
}

fn counter<T>(
    encoder: &mut Encoder<'_>,
    all: &[Of<T>],
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> u64,
) -> io::Result<()> {
    let family = Family {
        name,
        kind: Kind::Counter,
        help,
    };
    encoder.family(&family)?;
    for (endpoint, totals) in all {
        encoder.sample(&family, &[("endpoint", endpoint)], value(totals))?;
    }
    Ok(())
}

/// The values of one more label, each with its count.
type Named<T> = fn(&T) -> Vec<(&'static str, u64)>;

fn counters<T>(
    encoder: &mut Encoder<'_>,
    all: &[Of<T>],
    name: &'static str,
    help: &'static str,
    (label, named): (&'static str, Named<T>),
) -> io::Result<()> {
    let family = Family {
        name,
        kind: Kind::Counter,
        help,
    };
    encoder.family(&family)?;
    for (endpoint, totals) in all {
        for (value, count) in named(totals) {
            encoder.sample(&family, &[("endpoint", endpoint), (label, value)], count)?;
        }
    }
    Ok(())
}

fn histogram<T>(
    encoder: &mut Encoder<'_>,
    all: &[Of<T>],
    name: &'static str,
    help: &'static str,
    largest: u64,
    value: fn(&T) -> Histogram,
) -> io::Result<()> {
    let family = Family {
        name,
        kind: Kind::Histogram,
        help,
    };
    encoder.family(&family)?;
    for (endpoint, totals) in all {
        let labels = [("endpoint", endpoint.as_str())];
        encoder.histogram(&family, &labels, &value(totals), largest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_the_same_name_are_one_endpoint() {
        let mut totals = StreamTotals::default();
        totals.accepted += 2;
        let endpoint: crate::Endpoint = "tcp://127.0.0.1:9".parse().unwrap();
        let stats = Stats {
            endpoints: vec![
                (endpoint.clone(), Totals::Stream(totals)),
                (endpoint, Totals::Stream(totals)),
            ],
        };
        let mut text = Vec::new();
        write(&mut text, Format::Text, &stats, &Process::default()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = "bullhorn_connections_accepted_total{endpoint=\"tcp://127.0.0.1:9\"} ";
        let found: Vec<_> = text.lines().filter(|text| text.starts_with(line)).collect();
        assert_eq!(found, [format!("{line}4")]);
        assert!(!text.contains("process_"), "{text}");
    }
}
