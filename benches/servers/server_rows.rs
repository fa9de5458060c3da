//! The rows that compare servers, by scenario.

use crate::contender::Contender::{Bullhorn, C, Python, Socat, Tokio};
use crate::contender::Transport::{Tcp, Udp};
use crate::contender::{BULLHORN, BULLHORN_TCP, EPOLL, GRO, RECVFROM, RECVMMSG};
use crate::load::Load;
use crate::row::{Row, group};
use crate::text::Script;
use bullhorn_socket::endpoint::MAX_IPV4_DATAGRAM;

/// The most texts in flight: a receive buffer of 4 MiB holds them as single datagrams.
const MAX_IN_FLIGHT: usize = 1024;

pub(crate) fn runs() -> Vec<Row> {
    let load = Load::runs(16, 64, 64);
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
    // The peers in C handle ASCII only: every row is compared with the best of them there.
    for row in &mut rows {
        row.group = "ASCII".to_owned();
        row.reference = row.contender == GRO;
    }
    rows
}

pub(crate) fn single() -> Vec<Row> {
    let mut rows = Vec::new();
    for flows in [1, 16, 1000] {
        let load = Load::datagrams(flows, (MAX_IN_FLIGHT / flows).clamp(1, 64), 64);
        let name = format!("{flows} flow{}", if flows == 1 { "" } else { "s" });
        rows.extend(group(
            &name,
            &load,
            &[RECVFROM, BULLHORN, RECVMMSG, GRO, Tokio(Udp), Python],
        ));
    }
    rows
}

pub(crate) fn round_trips() -> Vec<Row> {
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
    let polling = [
        C("udp_recvfrom", &["--spin"]),
        Bullhorn(Udp, &["--spin", "50us"]),
        C("udp_gro", &["--spin"]),
    ];
    let mut rows = group(
        "both sleep",
        &load.clone().option("--wait", "sleep"),
        &sleeping,
    );
    rows.extend(group("generator busy-polls", &load, &sleeping[..6]));
    rows.extend(group("both busy-poll", &load, &polling));
    rows
}

pub(crate) fn lines() -> Vec<Row> {
    group(
        "lines",
        &Load::lines(256, 1, 64),
        &[EPOLL, BULLHORN_TCP, Tokio(Tcp), Socat(Tcp)],
    )
}

pub(crate) fn bulk() -> Vec<Row> {
    group(
        "1 GiB",
        &Load::bulk(1 << 30),
        &[EPOLL, BULLHORN_TCP, Tokio(Tcp), Socat(Tcp)],
    )
}

pub(crate) fn flows() -> Vec<Row> {
    let mut rows = Vec::new();
    for flows in [1, 10, 100, 1000, 10_000] {
        let bounded = |load: Load| load.option("--outstanding", MAX_IN_FLIGHT);
        let single = bounded(Load::datagrams(
            flows,
            (MAX_IN_FLIGHT / flows).clamp(1, 64),
            64,
        ));
        rows.extend(group(
            &format!("{flows} flows, single"),
            &single,
            &[RECVFROM, BULLHORN],
        ));
        let runs = bounded(Load::runs(flows, 64, 64));
        rows.extend(group(
            &format!("{flows} flows, runs"),
            &runs,
            &[GRO, BULLHORN],
        ));
    }
    rows
}

pub(crate) fn sizes() -> Vec<Row> {
    let mut rows = Vec::new();
    for size in [1, 16, 64, 256, 1472, 8192, 60_000] {
        // A text of one byte carries one of 16 numbers.
        let window = (MAX_IPV4_DATAGRAM / size).clamp(1, if size == 1 { 16 } else { 64 });
        let single = Load::datagrams(16, window, size);
        rows.extend(group(
            &format!("{size} B, single"),
            &single,
            &[RECVFROM, BULLHORN],
        ));
        rows.extend(group(
            &format!("{size} B, runs"),
            &Load::runs(16, window, size),
            &[GRO, BULLHORN],
        ));
    }
    rows
}

pub(crate) fn workers() -> Vec<Row> {
    let one = Bullhorn(Udp, &["--workers", "1"]);
    let two = Bullhorn(Udp, &["--workers", "2"]);
    let single = Load::datagrams(16, 64, 64);
    let mut rows = group("single", &single, &[one.clone(), two.clone(), RECVFROM]);
    rows.extend(group("runs", &Load::runs(16, 64, 64), &[one, two, GRO]));
    rows
}
