//! `send` before the first text: a connection that takes longer than one timeout.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Served, find_program, run_bullhorn, skipped};
use crate::support_netns::in_own_network;

/// Drops SYNs to port 3000, in the network of this thread: the first of every thousand, or all.
fn drop_syns(which: &str) -> bool {
    let rules = format!(
        "flush ruleset; add table inet test;
         add chain inet test in {{ type filter hook input priority 0; }};
         add rule inet test in tcp dport 3000 tcp flags & (syn | ack) == syn {which} drop"
    );
    let status = Command::new("nft").arg(rules).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_lost_syn_delays_a_text_and_a_dead_address_is_given_up_in_time() {
    if find_program("nft").is_none() {
        return;
    }
    in_own_network(|| {
        let _served = Served::start(&["tcp://127.0.0.1:3000", "tcp://[::1]:3000"]);
        for host in ["127.0.0.1", "[::1]"] {
            let endpoint = format!("tcp://{host}:3000");
            if !drop_syns("numgen inc mod 1000 == 0") {
                return skipped("nft has no rule for this kernel");
            }
            let begun = Instant::now();
            let ended = run_bullhorn(["send", &endpoint, "hello"]);
            assert_eq!((ended.code, ended.text().as_str()), (0, "HELLO\n"));
            assert!(begun.elapsed() >= Duration::from_secs(1), "no SYN was lost");
            assert!(drop_syns(""));
            let begun = Instant::now();
            let ended = run_bullhorn(["send", &endpoint, "hello"]);
            assert_eq!(ended.code, 5, "{ended:?}");
            let took = begun.elapsed();
            let expected = Duration::from_secs(3)..Duration::from_secs(8);
            assert!(expected.contains(&took), "{took:?}");
            let once = ["--retries", "0", "--timeout", "100ms"];
            let begun = Instant::now();
            let ended = run_bullhorn([&["send", &endpoint, "hello"], &once[..]].concat());
            assert_eq!(ended.code, 5, "{ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(3), "{ended:?}");
        }
    });
}
