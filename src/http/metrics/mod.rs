//! The metrics of a server: which families there are, in which order, and where their values come
//! from. docs/metrics.md explains each of them.

mod datagrams;
mod families;
mod process;
mod streams;

use self::families::EndpointTotals;
use super::exposition::{Encoder, Family, Format, Kind};
use super::process::Process;
use bullhorn_server::stats::{DatagramTotals, Stats, StreamTotals, Totals};

/// All metrics as text.
pub(super) fn render(format: Format, stats: &Stats, process: &Process) -> String {
    let mut encoder = Encoder::new(format);
    let build = Family {
        name: "bullhorn_build",
        kind: Kind::Info,
        help: "The running version, and the compiler that built it.",
    };
    let version = env!("CARGO_PKG_VERSION");
    let compiler = env!("BULLHORN_RUSTC");
    encoder.family(&build);
    encoder.sample(&build, &[("version", version), ("rustc", compiler)], 1);
    let (datagrams, streams) = by_type(stats);
    if !datagrams.is_empty() {
        datagrams::write(&mut encoder, &datagrams);
    }
    if !streams.is_empty() {
        streams::write(&mut encoder, &streams);
    }
    process::write(&mut encoder, process);
    encoder.finish()
}

/// Datagram and stream endpoints. Sockets with the same name, as inherited ones may have, are one
/// endpoint.
fn by_type(
    stats: &Stats,
) -> (
    Vec<EndpointTotals<DatagramTotals>>,
    Vec<EndpointTotals<StreamTotals>>,
) {
    fn add<T: std::ops::AddAssign>(all: &mut Vec<EndpointTotals<T>>, name: String, totals: T) {
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
    fn sockets_with_the_same_name_are_one_endpoint() {
        let mut totals = StreamTotals::default();
        totals.accepted += 2;
        let endpoint: bullhorn_socket::Endpoint = "tcp://127.0.0.1:9".parse().unwrap();
        let stats = Stats::new(vec![
            (endpoint.clone(), Totals::Stream(totals)),
            (endpoint, Totals::Stream(totals)),
        ]);
        let text = render(Format::Text, &stats, &Process::default());
        let line = "bullhorn_connections_accepted_total{endpoint=\"tcp://127.0.0.1:9\"} ";
        let found: Vec<_> = text.lines().filter(|text| text.starts_with(line)).collect();
        assert_eq!(found, [format!("{line}4")]);
        assert!(!text.contains("process_"), "{text}");
    }
}
