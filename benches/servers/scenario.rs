//! What is measured: for each scenario its rows, a server and a load each, and the row that the
//! others are held against.

use crate::contender::Contender::{self, Bullhorn, C, Python, Socat, Sockperf, Tokio};
use crate::contender::Transport::{Tcp, Udp};
use crate::load::Load;
use crate::text::Script;
use std::time::Duration;

/// What a scenario is about, hence what its table shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Answers,
    RoundTrip,
    Bytes,
    /// What became of the rate that was requested, and the latencies.
    Rate,
}

/// One server under one load.
#[derive(Clone)]
pub(crate) struct Row {
    /// What sets this load apart within the scenario.
    pub(crate) load_name: String,
    pub(crate) contender: Contender,
    pub(crate) load: Load,
    /// Rows of a group are compared among themselves, with the first that is `reference`.
    pub(crate) group: String,
    pub(crate) reference: bool,
}

impl Row {
    pub(crate) fn label(&self) -> String {
        format!("{}, {}", self.contender.name(), self.load_name)
    }
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measure: Measure,
    pub(crate) rows: Vec<Row>,
    /// All rows send at half of the rate that this reaches.
    pub(crate) calibration: Option<(Contender, Load)>,
}

const BULLHORN: Contender = Bullhorn(Udp, &[]);
const BULLHORN_TCP: Contender = Bullhorn(Tcp, &[]);
const RECVFROM: Contender = C("udp_recvfrom", &[]);
const RECVMMSG: Contender = C("udp_recvmmsg", &[]);
const GRO: Contender = C("udp_gro", &[]);
const EPOLL: Contender = C("tcp_epoll", &[]);

/// So many texts are under way at most: a receive buffer of 4 MiB holds them as single datagrams.
const UNDER_WAY: usize = 1024;

pub(crate) fn all() -> Vec<Scenario> {
    let scenario = |name, title, measure, rows| Scenario {
        name,
        title,
        measure,
        rows,
        calibration: None,
    };
    use Measure::{Answers, Bytes, Rate, RoundTrip};
    vec![
        scenario(
            "runs",
            "Runs: 16 flows, 64 texts of 64 bytes as one run each",
            Answers,
            runs(),
        ),
        scenario(
            "single",
            "Single datagrams of 64 bytes, no offload at the generator",
            Answers,
            single(),
        ),
        scenario(
            "roundtrip",
            "Round trips: one text of 64 bytes under way",
            RoundTrip,
            round_trips(),
        ),
        scenario(
            "tcp",
            "TCP: 256 connections, one line of 64 bytes under way on each",
            Answers,
            lines(),
        ),
        scenario(
            "bulk",
            "TCP: 1 GiB over one connection, written and read at once",
            Bytes,
            bulk(),
        ),
        scenario(
            "flows",
            "Growth with flows, 64 bytes, at most 1024 texts under way",
            Answers,
            flows(),
        ),
        scenario("sizes", "Sizes of a text, 16 flows", Answers, sizes()),
        scenario(
            "workers",
            "Workers, on both processors, one of them the generator's",
            Answers,
            workers(),
        ),
        scenario(
            "generators",
            "Generators: 64 bytes, each as fast as it goes",
            Answers,
            generators(),
        ),
        Scenario {
            calibration: Some((Sockperf, sockperf_most())),
            ..scenario(
                "open",
                "Open loop: one flow, single datagrams of 64 bytes, half of what sockperf reaches",
                Rate,
                open(),
            )
        },
        Scenario {
            calibration: Some((BULLHORN, bench_runs())),
            ..scenario(
                "open-runs",
                "Open loop: 16 flows, 64 bytes, half of what `bullhorn bench` reaches",
                Rate,
                open_runs(),
            )
        },
    ]
}

/// The servers under one load; the first is the reference.
fn group(load_name: &str, load: &Load, contenders: &[Contender]) -> Vec<Row> {
    let row = |(index, contender): (usize, &Contender)| Row {
        load_name: load_name.to_owned(),
        contender: contender.clone(),
        load: load.clone(),
        group: load_name.to_owned(),
        reference: index == 0,
    };
    contenders.iter().enumerate().map(row).collect()
}

fn run_load(flows: usize, window: usize, size: usize) -> Load {
    Load::datagrams(flows, window, size).option("--offload", "on")
}

fn runs() -> Vec<Row> {
    let load = run_load(16, 64, 64);
    let mut rows = group(
        "ASCII",
        &load,
        &[GRO, BULLHORN, RECVMMSG, RECVFROM, Tokio(Udp), Python],
    );
    for script in [Script::German, Script::Russian, Script::Greek] {
        rows.extend(group(
            script.name(),
            &load.clone().script(script),
            &[BULLHORN, Tokio(Udp), Python],
        ));
    }
    // The peers in C know no script but ASCII: all are held against the best of them there.
    for row in &mut rows {
        row.group = "ASCII".to_owned();
        row.reference = row.contender == GRO;
    }
    rows
}

fn single() -> Vec<Row> {
    let mut rows = Vec::new();
    for flows in [1, 16, 1000] {
        let load = Load::datagrams(flows, (UNDER_WAY / flows).clamp(1, 64), 64);
        let name = format!("{flows} flow{}", if flows == 1 { "" } else { "s" });
        rows.extend(group(
            &name,
            &load,
            &[RECVFROM, BULLHORN, RECVMMSG, GRO, Tokio(Udp), Python],
        ));
    }
    rows
}

fn round_trips() -> Vec<Row> {
    let load = Load::datagrams(1, 1, 64);
    let sleeping = [
        RECVFROM,
        BULLHORN,
        RECVMMSG,
        GRO,
        Tokio(Udp),
        Python,
        Socat(Udp),
    ];
    let spinning = [
        C("udp_recvfrom", &["--spin"]),
        Bullhorn(Udp, &["--spin", "50us"]),
        C("udp_gro", &["--spin"]),
    ];
    let mut rows = group(
        "both sleep",
        &load.clone().option("--wait", "sleep"),
        &sleeping,
    );
    rows.extend(group("generator spins", &load, &sleeping[..6]));
    rows.extend(group("both spin", &load, &spinning));
    rows
}

fn lines() -> Vec<Row> {
    group(
        "lines",
        &Load::lines(256, 1, 64),
        &[EPOLL, BULLHORN_TCP, Tokio(Tcp), Socat(Tcp)],
    )
}

fn bulk() -> Vec<Row> {
    group(
        "1 GiB",
        &Load::bulk(1 << 30),
        &[EPOLL, BULLHORN_TCP, Tokio(Tcp), Socat(Tcp)],
    )
}

fn flows() -> Vec<Row> {
    let mut rows = Vec::new();
    for flows in [1, 10, 100, 1000, 10_000] {
        let bounded = |load: Load| load.option("--outstanding", UNDER_WAY);
        let single = bounded(Load::datagrams(flows, (UNDER_WAY / flows).clamp(1, 64), 64));
        rows.extend(group(
            &format!("{flows} flows, single"),
            &single,
            &[RECVFROM, BULLHORN],
        ));
        let runs = bounded(run_load(flows, 64, 64));
        rows.extend(group(
            &format!("{flows} flows, runs"),
            &runs,
            &[GRO, BULLHORN],
        ));
    }
    rows
}

fn sizes() -> Vec<Row> {
    let mut rows = Vec::new();
    for size in [1, 16, 64, 256, 1472, 8192, 60_000] {
        // A text of one byte has 16 numbers: no more of them can be told apart.
        let window = (65_507 / size).clamp(1, if size == 1 { 16 } else { 64 });
        let single = Load::datagrams(16, window, size);
        rows.extend(group(
            &format!("{size} B, single"),
            &single,
            &[RECVFROM, BULLHORN],
        ));
        rows.extend(group(
            &format!("{size} B, runs"),
            &run_load(16, window, size),
            &[GRO, BULLHORN],
        ));
    }
    rows
}

fn workers() -> Vec<Row> {
    let one = Bullhorn(Udp, &["--workers", "1"]);
    let two = Bullhorn(Udp, &["--workers", "2"]);
    let single = Load::datagrams(16, 64, 64);
    let mut rows = group("single", &single, &[one.clone(), two.clone(), RECVFROM]);
    rows.extend(group("runs", &run_load(16, 64, 64), &[one, two, GRO]));
    rows
}

fn bench_runs() -> Load {
    Load::bench(16, 64).option("--window", 64)
}

fn bench_single() -> Load {
    bench_runs().flag("--no-offload")
}

/// It sends without a break, and its server answers everything.
fn sockperf_most() -> Load {
    Load::sockperf("under-load", 64).option("--mps", "max")
}

/// Rows that differ in who puts the load on; the first is the reference.
fn by_generator(group: &str, rows: &[(&str, Contender, Load)]) -> Vec<Row> {
    let row = |(index, (name, contender, load)): (usize, &(&str, Contender, Load))| Row {
        load_name: (*name).to_owned(),
        contender: contender.clone(),
        load: load.clone(),
        group: group.to_owned(),
        reference: index == 0,
    };
    rows.iter().enumerate().map(row).collect()
}

fn generators() -> Vec<Row> {
    let c = run_load(16, 64, 64);
    let c_single = Load::datagrams(16, 64, 64);
    let mut rows = by_generator(
        "runs",
        &[("C, runs", BULLHORN, c), ("bench", BULLHORN, bench_runs())],
    );
    rows.extend(by_generator(
        "single",
        &[
            ("C, single", BULLHORN, c_single),
            ("bench --no-offload", BULLHORN, bench_single()),
        ],
    ));
    let ping_pong = Load::sockperf("ping-pong", 64);
    let bursts = ping_pong.clone().option("--burst", 64);
    rows.extend(by_generator(
        "sockperf",
        &[
            ("sockperf under-load, most", Sockperf, sockperf_most()),
            ("sockperf ping-pong", Sockperf, ping_pong),
            ("sockperf ping-pong of 64", Sockperf, bursts),
            ("bench --no-offload", BULLHORN, bench_single()),
            ("bench", BULLHORN, bench_runs()),
        ],
    ));
    rows
}

/// What a server that is stopped keeps its clients waiting.
const STOP: Duration = Duration::from_millis(100);

fn open() -> Vec<Row> {
    let sockperf = Load::sockperf("under-load", 64);
    let bench = Load::bench(1, 64).flag("--no-offload");
    let stopped = |load: &Load| load.clone().stop_server(STOP);
    by_generator(
        "open",
        &[
            ("sockperf under-load", Sockperf, sockperf.clone()),
            ("bench", BULLHORN, bench.clone()),
            (
                "sockperf, server stopped for 100 ms",
                Sockperf,
                stopped(&sockperf),
            ),
            (
                "bench, server stopped for 100 ms",
                BULLHORN,
                stopped(&bench),
            ),
        ],
    )
}

fn open_runs() -> Vec<Row> {
    let bench = Load::bench(16, 64);
    let stopped = bench.clone().stop_server(STOP);
    by_generator(
        "open-runs",
        &[
            ("bench", BULLHORN, bench),
            ("bench, server stopped for 100 ms", BULLHORN, stopped),
        ],
    )
}

/// A few hundred texts for every server, in every way it is used above.
pub(crate) fn smoke() -> Vec<(Contender, Load)> {
    // Patience: on a busy machine an answer may take long, and is not wrong for that.
    let patient = |load: Load| load.option("--timeout-ms", 5000);
    let counted = |load: Load| patient(load.option("--count", 300));
    let single = counted(Load::datagrams(4, 16, 64));
    let runs = counted(run_load(4, 16, 64));
    let spinning = [
        C("udp_recvfrom", &["--spin"]),
        C("udp_recvmmsg", &["--spin"]),
        C("udp_gro", &["--spin"]),
    ];
    let datagrams = [RECVFROM, RECVMMSG, GRO, Tokio(Udp), Python, BULLHORN];
    let mut pairs = Vec::new();
    for contender in datagrams.iter().chain(&spinning) {
        pairs.push((contender.clone(), single.clone()));
        pairs.push((contender.clone(), runs.clone()));
    }
    for contender in [Tokio(Udp), Python, BULLHORN] {
        for script in [Script::German, Script::Russian, Script::Greek] {
            pairs.push((contender.clone(), runs.clone().script(script)));
        }
    }
    for size in [1, 16, 1472, 60_000] {
        // No more under way than the receive buffer of an untuned machine holds.
        let (flows, window) = if size < 2048 { (4, 16) } else { (1, 1) };
        for contender in [GRO, BULLHORN] {
            pairs.push((contender, counted(run_load(flows, window, size))));
        }
    }
    pairs.push((
        Socat(Udp),
        patient(Load::datagrams(1, 1, 64).option("--count", 20)),
    ));
    for contender in [EPOLL, Tokio(Tcp), Socat(Tcp), BULLHORN_TCP] {
        pairs.push((contender.clone(), counted(Load::lines(8, 1, 64))));
        pairs.push((contender, patient(Load::bulk(1 << 20))));
    }
    pairs
}
