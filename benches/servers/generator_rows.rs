//! The rows that compare generators, by scenario.

use crate::contender::BULLHORN;
use crate::contender::Contender::Sockperf;
use crate::load::Load;
use crate::row::{Row, by_generator};
use std::time::Duration;

pub(crate) fn bench_runs() -> Load {
    Load::bench(16, 64).option("--window", 64)
}

fn bench_single() -> Load {
    bench_runs().flag("--no-offload")
}

/// It sends without pause, and its server answers everything.
pub(crate) fn sockperf_max() -> Load {
    Load::sockperf("under-load", 64).option("--mps", "max")
}

pub(crate) fn generators() -> Vec<Row> {
    let c = Load::runs(16, 64, 64);
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
            ("sockperf under-load, max", Sockperf, sockperf_max()),
            ("sockperf ping-pong", Sockperf, ping_pong),
            ("sockperf ping-pong of 64", Sockperf, bursts),
            ("bench --no-offload", BULLHORN, bench_single()),
            ("bench", BULLHORN, bench_runs()),
        ],
    ));
    rows
}

/// How long a stopped server keeps its clients waiting.
const STOP: Duration = Duration::from_millis(100);

pub(crate) fn open() -> Vec<Row> {
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

pub(crate) fn open_runs() -> Vec<Row> {
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
