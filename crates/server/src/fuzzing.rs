//! Doors for the fuzz targets: private tables of the guard, and datagrams in, datagrams out, by the code
//! that a worker runs between its two system calls. Only in builds of cargo-fuzz.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::datagrams::Answerer;
use super::guard::{Filter, Guard, GuardOptions, RateLimit};
use super::stats::Tally;
use bullhorn_socket::Description;
use bullhorn_socket::datagrams::{Inbox, Outbox, Run};
use bullhorn_socket::endpoint::{Endpoint, Family, SocketType};
use bullhorn_socket::fuzzing::Coalescer;

pub use super::guard::{BURST, Loops, Networks, QUIET, Rates};

/// One received buffer.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The port of the peer, on one host.
    pub port: u16,
    /// Bytes of each datagram but the last.
    pub segment_size: usize,
    /// All of them.
    pub bytes: &'a [u8],
}

/// What left.
#[derive(Debug, Default)]
pub struct Sent {
    /// Port and bytes of each datagram, in the order sent.
    pub datagrams: Vec<(u16, Vec<u8>)>,
    /// How many datagrams were received.
    pub received: u64,
    /// How many were not answered.
    pub dropped: u64,
    /// Bytes and datagrams of the largest buffer for the kernel to cut.
    pub largest_joined: (usize, usize),
}

/// Answers `runs` as one batch of a server that has just started, with the loop guard or without;
/// groups the answers, and cuts each group as the kernel does. Datagrams of `refused_size` bytes or
/// more may not be joined.
pub fn exchange(
    runs: &[Received<'_>],
    limit: usize,
    refused_size: usize,
    loop_guard: bool,
) -> Sent {
    let (mut inbox, mut outbox) = (Inbox::new(runs.len()), Outbox::default());
    for run in runs {
        if let Some(buffer) = inbox.free_buffer() {
            buffer[..run.bytes.len()].copy_from_slice(run.bytes);
        }
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, run.port)).into();
        inbox.push(Run::new(peer, run.bytes.len(), run.segment_size));
    }
    let mut answerer = Answerer::new(filter(loop_guard), Tally::default(), limit);
    answerer.answer(&mut inbox, &mut outbox);
    let mut coalescer = Coalescer::default();
    let joins = |_: &Run, size: usize| size < refused_size;
    coalescer.group(inbox.runs(), &outbox.answers, joins);

    let totals = answerer.tally.counters().read();
    let mut sent = Sent {
        received: totals.received,
        dropped: totals.dropped(),
        ..Sent::default()
    };
    for group in &coalescer.groups {
        let answers = coalescer.members(group).map(|index| &outbox.answers[index]);
        let mut buffers: Vec<(Vec<u8>, usize)> = answers
            .map(|answer| (outbox.bytes(&inbox, answer).to_vec(), answer.segment_size))
            .collect();
        if !group.plain && group.datagrams > 1 {
            let (pieces, _): (Vec<_>, Vec<_>) = buffers.into_iter().unzip();
            buffers = vec![(pieces.concat(), group.segment_size)];
            let size = (buffers[0].0.len(), group.datagrams);
            sent.largest_joined = sent.largest_joined.max(size);
        }
        for (buffer, segment_size) in buffers {
            let port = runs[group.run].port;
            if buffer.is_empty() {
                sent.datagrams.push((port, Vec::new()));
            }
            let datagrams = buffer.chunks(segment_size.max(1));
            sent.datagrams
                .extend(datagrams.map(|datagram| (port, datagram.to_vec())));
        }
    }
    sent
}

/// Of a server on one UDP endpoint.
fn filter(loop_guard: bool) -> Filter {
    let options = GuardOptions {
        loop_guard,
        rate_limit: RateLimit::Off,
        ..GuardOptions::default()
    };
    let endpoint = Endpoint::default();
    let socket = Description::new(endpoint, Family::Inet, SocketType::Datagram, 3);
    Filter::new(Arc::new(Guard::new(&options, std::iter::once(&socket))))
}
