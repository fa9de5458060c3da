//! The table against endless exchanges is, for fewer pairs than it has room for, a list that
//! forgets nothing: a pair of source and text may come in a burst of eight, then twice a second,
//! and once dropped, only after it was quiet.

#![no_main]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;

use bullhorn_server::fuzzing::{BURST, Loops, QUIET};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, Vec<(u8, u32)>)| {
    let (start, steps) = input;
    let quiet = QUIET.as_nanos() as u64;
    let loops = Loops::new(64, BuildHasherDefault::<DefaultHasher>::default());
    // For each pair, the time at which its whole burst is allowed again.
    let mut until: HashMap<u8, u64> = HashMap::new();
    let mut now = start >> 8;
    // Times are kept for a few hours; all of these together are less.
    for (pair, elapsed_ns) in steps.into_iter().take(500) {
        now += u64::from(elapsed_ns);
        let pair = pair % 6;
        let source = SocketAddr::from(([192, 0, 2, 1], 1000 + u16::from(pair % 2)));
        let until = until.entry(pair).or_insert(now);
        let ahead = until.saturating_sub(now);
        let permitted = ahead <= (BURST - 1) * quiet;
        *until = now + (ahead + quiet).min(BURST * quiet);
        assert_eq!(loops.permits(source.into(), &[b'A' + pair / 2], now), permitted);
    }
});
