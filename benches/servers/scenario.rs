//! The scenarios: what each is about, and its rows.

use crate::contender::{BULLHORN, Contender};
use crate::generator_rows::{bench_runs, generators, open, open_runs, sockperf_max};
use crate::load::Load;
use crate::row::Row;
use crate::server_rows::{bulk, flows, lines, round_trips, runs, single, sizes, workers};

/// What a scenario measures, hence what its table shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Answers,
    RoundTrip,
    Bytes,
    /// The achieved share of a requested rate, and the latencies.
    Rate,
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measure: Measure,
    rows: fn() -> Vec<Row>,
    /// All rows send at half of the rate that this reaches.
    pub(crate) calibration: Option<fn() -> (Contender, Load)>,
}

impl Scenario {
    pub(crate) fn rows(&self) -> Vec<Row> {
        (self.rows)()
    }

    const fn new(
        name: &'static str,
        title: &'static str,
        measure: Measure,
        rows: fn() -> Vec<Row>,
    ) -> Self {
        Self {
            name,
            title,
            measure,
            rows,
            calibration: None,
        }
    }

    const fn at_half_of(mut self, calibration: fn() -> (Contender, Load)) -> Self {
        self.calibration = Some(calibration);
        self
    }
}

pub(crate) const ALL: [Scenario; 11] = {
    use Measure::{Answers, Bytes, Rate, RoundTrip};
    let title = "Runs: 16 flows, 64 texts of 64 bytes as one run each";
    let runs = Scenario::new("runs", title, Answers, runs);
    let title = "Single datagrams of 64 bytes, no offload at the generator";
    let single = Scenario::new("single", title, Answers, single);
    let title = "Round trips: one text of 64 bytes in flight";
    let round_trips = Scenario::new("roundtrip", title, RoundTrip, round_trips);
    let title = "TCP: 256 connections, one line of 64 bytes in flight on each";
    let lines = Scenario::new("tcp", title, Answers, lines);
    let title = "TCP: 1 GiB over one connection, written and read at once";
    let bulk = Scenario::new("bulk", title, Bytes, bulk);
    let title = "Growth with flows, 64 bytes, at most 1024 texts in flight";
    let flows = Scenario::new("flows", title, Answers, flows);
    let title = "Sizes of a text, 16 flows";
    let sizes = Scenario::new("sizes", title, Answers, sizes);
    let title = "Workers, on both CPUs, one of them the generator's";
    let workers = Scenario::new("workers", title, Answers, workers);
    let title = "Generators: 64 bytes, each at its maximum";
    let generators = Scenario::new("generators", title, Answers, generators);
    let title = "Open loop: one flow, single datagrams of 64 bytes, half of what sockperf reaches";
    let open = Scenario::new("open", title, Rate, open)
        .at_half_of(|| (Contender::Sockperf, sockperf_max()));
    let title = "Open loop: 16 flows, 64 bytes, half of what `bullhorn bench` reaches";
    let open_runs =
        Scenario::new("open-runs", title, Rate, open_runs).at_half_of(|| (BULLHORN, bench_runs()));
    [
        runs,
        single,
        round_trips,
        lines,
        bulk,
        flows,
        sizes,
        workers,
        generators,
        open,
        open_runs,
    ]
};
