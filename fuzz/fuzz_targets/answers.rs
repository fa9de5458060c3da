//! From received runs to what leaves the machine: every datagram is answered once, or counted as
//! dropped, in the order of its flow, with its own capitals. The loop guard drops a text that is its
//! own answer from the ninth on, and nothing else.

#![no_main]

use std::collections::HashMap;

use bullhorn_server::fuzzing::{Received, exchange};
use bullhorn_server::fuzzing::BURST;
use bullhorn_fuzz::{capitals, datagrams};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// The peer, the size of each datagram but the last, and the bytes with the number of
    /// repetitions.
    runs: Vec<(bool, u16, &'a [u8], u8)>,
    /// How many bytes an answer may have beyond the longest request.
    limit: u8,
    /// The least size that may not be joined on the way out.
    refused_size: u8,
    loop_guard: bool,
}

fuzz_target!(|input: Input| {
    let bytes: Vec<(usize, Vec<u8>)> = input
        .runs
        .iter()
        .take(16)
        .map(|(_, segment_size, bytes, times)| {
            let mut bytes = bytes.repeat(1 + usize::from(*times));
            // As the kernel reports it: at least one byte, the length of a lone datagram, and at
            // most 64 of them (UDP_GRO_CNT_MAX in net/ipv4/udp_offload.c).
            let segment_size = usize::from(*segment_size).clamp(1, bytes.len().max(1));
            bytes.truncate((64 * segment_size).min(65_507));
            (segment_size.min(bytes.len().max(1)), bytes)
        })
        .collect();
    let runs: Vec<Received> = input
        .runs
        .iter()
        .zip(&bytes)
        .map(|((peer, ..), (segment_size, bytes))| Received {
            port: 1 + u16::from(*peer),
            segment_size: *segment_size,
            bytes,
        })
        .collect();
    // No request is longer than an answer may be.
    let longest = runs.iter().map(|run| run.segment_size).max().unwrap_or(0);
    let limit = longest + usize::from(input.limit);
    let sent = exchange(&runs, limit, input.refused_size.into(), input.loop_guard);

    let mut dropped = 0;
    for port in [1, 2] {
        let mut expected = Vec::new();
        let mut repeated: HashMap<&[u8], u64> = HashMap::new();
        for run in runs.iter().filter(|run| run.port == port) {
            for datagram in datagrams(run.bytes, run.segment_size) {
                let answer = capitals(datagram);
                let times = repeated.entry(datagram).or_default();
                *times += 1;
                let is_loop = input.loop_guard && answer == datagram && *times > BURST;
                if answer.len() > limit || is_loop {
                    dropped += 1;
                } else {
                    expected.push(answer);
                }
            }
        }
        let got = sent.datagrams.iter().filter(|datagram| datagram.0 == port);
        assert!(got.map(|datagram| &datagram.1).eq(&expected));
    }
    assert_eq!(sent.dropped, dropped);
    assert_eq!(sent.received, sent.datagrams.len() as u64 + dropped);
    // What the kernel cuts (UDP_MAX_SEGMENTS, and the length of an IPv4 datagram).
    let (bytes, segments) = sent.largest_joined;
    assert!(bytes <= 65_507 && segments <= 64);
});
