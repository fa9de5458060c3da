//! The metrics of a server: which there are, and where their values come from. Each is explained
//! in docs/metrics.md.
//!
//! Here are their order and whose they are; the metrics themselves are in `datagrams`, `streams`
//! and `process`. How those of endpoints are written is in `families`.

mod datagrams;
mod families;
mod process;
mod streams;

use std::io::{self, Write};

pub(crate) use process::Process;

use self::families::Of;
use super::openmetrics::{Encoder, Family, Format, Kind};
use bullhorn_server::stats::{DatagramTotals, Stats, StreamTotals, Totals};

/// Writes all metrics.
///
/// # Errors
/// The writer's.
pub(crate) fn write(
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
        datagrams::write(&mut encoder, &datagrams)?;
    }
    if !streams.is_empty() {
        streams::write(&mut encoder, &streams)?;
    }
    process::write(&mut encoder, process)?;
    encoder.end()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_the_same_name_are_one_endpoint() {
        let mut totals = StreamTotals::default();
        totals.accepted += 2;
        let endpoint: bullhorn_socket::Endpoint = "tcp://127.0.0.1:9".parse().unwrap();
        let stats = Stats::new(vec![
            (endpoint.clone(), Totals::Stream(totals)),
            (endpoint, Totals::Stream(totals)),
        ]);
        let mut text = Vec::new();
        write(&mut text, Format::Text, &stats, &Process::default()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = "bullhorn_connections_accepted_total{endpoint=\"tcp://127.0.0.1:9\"} ";
        let found: Vec<_> = text.lines().filter(|text| text.starts_with(line)).collect();
        assert_eq!(found, [format!("{line}4")]);
        assert!(!text.contains("process_"), "{text}");
    }
}
