//! Edge-triggered events and what a turn leaves unread, step by step in one thread.

#[cfg(target_os = "linux")]
mod cut_reads;

use std::io::{Read, Write};
use std::net::Shutdown;

use mio::{Events, Poll};

use super::super::connection::FIRST_READ;
use super::super::fixture::{TIMEOUT, drain, fill, over_tcp, over_unix};
use super::*;
use crate::StreamLimits;
use crate::stats::StreamCounters;

struct Fixture {
    poll: Poll,
    events: Events,
    ahead: ReadAhead,
    connections: Connections,
    counters: Arc<StreamCounters>,
}

impl Fixture {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let registry = poll.registry().try_clone().unwrap();
        let deadlines = Deadlines::new(&StreamLimits::default());
        Self {
            poll,
            events: Events::with_capacity(8),
            ahead: ReadAhead::default(),
            connections: Connections::new(registry, deadlines, Arc::new(Closed::new(&[]))),
            counters: Arc::default(),
        }
    }

    /// Handles the pending events, and returns their number.
    fn take_events(&mut self) -> usize {
        self.poll
            .poll(&mut self.events, Some(Duration::ZERO))
            .unwrap();
        for event in &self.events {
            self.connections.note_event(event);
        }
        self.events.iter().count()
    }

    fn wait_for_event(&mut self) {
        let begin = Instant::now();
        while self.take_events() == 0 {
            assert!(begin.elapsed() < TIMEOUT, "no event");
            std::thread::yield_now();
        }
    }

    fn take_turns(&mut self) {
        self.connections.take_turns(&mut self.ahead);
    }

    /// Waits for an event, and then lets the connections proceed for as long as they can without
    /// another.
    fn go_on_after_one_event(&mut self) {
        self.wait_for_event();
        while self.connections.are_ready() {
            self.take_turns();
        }
    }

    /// Bytes received and answered.
    fn bytes(&self) -> (u64, u64) {
        let totals = self.counters.read();
        (totals.received_bytes, totals.answered_bytes)
    }
}

#[test]
fn what_a_turn_leaves_unread_is_answered_without_another_event() {
    let mut fixture = Fixture::new();
    let (peer, connection) = over_unix(&fixture.counters);
    fixture.connections.register(connection);
    // More than a turn reads.
    let sent = fill(&peer) as u64;
    assert_eq!(fixture.take_events(), 1);
    let mut turns = 0;
    while fixture.connections.are_ready() || drain(&peer) > 0 {
        fixture.take_turns();
        turns += 1;
        // The kernel reports that the peer takes answers again, but not that it has sent something.
        if !fixture.connections.are_ready() {
            fixture.take_events();
        }
    }
    assert!(turns > 2, "{turns}");
    assert_eq!(fixture.bytes(), (sent, sent));
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from_until_it_does() {
    let mut fixture = Fixture::new();
    let (peer, connection) = over_unix(&fixture.counters);
    fixture.connections.register(connection);
    let mut sent = 0;
    loop {
        let more = fill(&peer);
        sent += more as u64;
        let before = fixture.bytes();
        fixture.take_events();
        fixture.take_turns();
        if more == 0 && fixture.bytes() == before && !fixture.connections.are_ready() {
            break;
        }
    }
    let (received, answered) = fixture.bytes();
    assert!(received < sent, "everything was read");
    assert!(received - answered <= FIRST_READ as u64);
    // Neither what it has sent nor what it sends wakes the server.
    assert_eq!((fill(&peer), fixture.take_events()), (0, 0));
    let mut taken = 0;
    while taken < sent {
        taken += drain(&peer) as u64;
        fixture.take_events();
        fixture.take_turns();
    }
    assert_eq!(fixture.bytes(), (sent, sent));
}

#[test]
fn a_half_close_right_after_a_text_is_answered_at_once() {
    let mut fixture = Fixture::new();
    let (mut peer, connection) = over_tcp(&fixture.counters);
    peer.write_all(b"hello").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    fixture.connections.register(connection);
    // Loopback has delivered both by now, so that one event reports them.
    fixture.go_on_after_one_event();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HELLO");
    assert_eq!(fixture.counters.read().finished, 1);
}

#[test]
fn a_line_over_tcp_takes_one_turn() {
    let mut fixture = Fixture::new();
    let (mut peer, connection) = over_tcp(&fixture.counters);
    fixture.connections.register(connection);
    for _ in 0..3 {
        peer.write_all(b"hello\n").unwrap();
        fixture.wait_for_event();
        fixture.take_turns();
        assert!(!fixture.connections.are_ready());
        let mut answer = [0; 6];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HELLO\n");
    }
}

#[test]
fn each_connection_has_its_turn_while_another_has_always_sent_more() {
    let mut fixture = Fixture::new();
    let (flooding, its_connection) = over_unix(&fixture.counters);
    let (mut other, others_connection) = over_unix(&fixture.counters);
    fixture.connections.register(its_connection);
    fixture.connections.register(others_connection);
    fill(&flooding);
    other.write_all(b"hello").unwrap();
    fixture.connections.begin_drain();
    fixture.take_turns();
    let mut answer = Vec::new();
    other.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"HELLO");
    assert_eq!(fixture.counters.read().open(), 1);
}

#[test]
fn a_turn_while_draining_ends_before_everything_sent_is_answered() {
    let counters = Arc::default();
    let (peer, mut connection) = over_unix(&counters);
    let sent = fill(&peer) as u64;
    let mut buffers = Buffers::default();
    let mut progress = Progress::Ready;
    let mut turns = 0;
    while progress != Progress::Closed && counters.read().received_bytes < sent {
        progress = connection.proceed(&mut buffers, None, true);
        drain(&peer);
        turns += 1;
    }
    assert!(turns > 1);
    assert_eq!(counters.read().received_bytes, sent);
}
