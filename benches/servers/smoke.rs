//! A short run of every server: the answers count, the time does not.

use crate::contender::Contender::{self, C, Python, Socat, Tokio};
use crate::contender::Transport::{Tcp, Udp};
use crate::contender::{BULLHORN, BULLHORN_TCP, EPOLL, GRO, RECVFROM, RECVMMSG};
use crate::failure::Failure;
use crate::harness::Harness;
use crate::load::Load;
use crate::text::Script;

/// Checks every server. A peer may be missing, the server under test may not.
pub(crate) fn run(harness: &Harness) -> Result<(), Failure> {
    for (contender, load) in pairs() {
        if let Some(reason) = contender.unavailable(&harness.tools) {
            if matches!(contender, Contender::Bullhorn(..)) {
                return Err(reason.into());
            }
            println!("smoke: {:24} skipped: {reason}", contender.name());
            continue;
        }
        let outcome = harness.run_once(&contender, &load)?;
        println!(
            "smoke: {:24} {:24} {}",
            contender.name(),
            load.describe(),
            outcome.accounts()
        );
        if !outcome.is_all_right() {
            return Err(format!("{}: an answer was wrong or missing", contender.name()).into());
        }
    }
    Ok(())
}

/// Every server under every kind of load of the scenarios, with a few hundred texts each.
fn pairs() -> Vec<(Contender, Load)> {
    // On a busy machine an answer may take long without being wrong.
    let patient = |load: Load| load.option("--timeout-ms", 5000);
    let counted = |load: Load| patient(load.option("--count", 300));
    let single = counted(Load::datagrams(4, 16, 64));
    let runs = counted(Load::runs(4, 16, 64));
    let polling = [
        C("udp_recvfrom", &["--spin"]),
        C("udp_recvmmsg", &["--spin"]),
        C("udp_gro", &["--spin"]),
    ];
    let datagrams = [RECVFROM, RECVMMSG, GRO, Tokio(Udp), Python, BULLHORN];
    let mut pairs = Vec::new();
    for contender in datagrams.iter().chain(&polling) {
        pairs.push((contender.clone(), single.clone()));
        pairs.push((contender.clone(), runs.clone()));
    }
    for contender in [Tokio(Udp), Python, BULLHORN] {
        for script in [Script::German, Script::Russian, Script::Greek] {
            pairs.push((contender.clone(), runs.clone().script(script)));
        }
    }
    for size in [1, 16, 1472, 60_000] {
        // No more in flight than the default receive buffer of a machine holds.
        let (flows, window) = if size < 2048 { (4, 16) } else { (1, 1) };
        for contender in [GRO, BULLHORN] {
            pairs.push((contender, counted(Load::runs(flows, window, size))));
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
