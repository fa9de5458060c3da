//! Accepting, distributing and draining.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::super::event_loops::event_loops;
use super::super::fixture::{TIMEOUT, drain, fill, guard, over_unix};
use super::super::listener::Listening;
use super::*;
use crate::StreamLimits;
use crate::stats::{ConnectionDropCause, StreamCounters};
use bullhorn_socket::{BindOptions, bind};

struct Server {
    loops: Vec<EventLoop>,
    address: SocketAddr,
    counters: Arc<StreamCounters>,
    draining: Arc<Draining>,
}

fn server(count: usize, is_inherited: bool) -> Server {
    let endpoint = "tcp://127.0.0.1:0".parse().unwrap();
    let bound = bind(&endpoint, &BindOptions::default());
    let mut bound = bound.unwrap().sockets.remove(0);
    bound.description.inherited = is_inherited;
    let address = bound.socket.local_addr().unwrap().as_socket().unwrap();
    let counters = Arc::new(StreamCounters::default());
    let draining = Arc::new(Draining::default());
    let listening = Listening {
        socket: bound.socket,
        description: bound.description,
        counters: counters.clone(),
        peers: None,
    };
    let limits = StreamLimits::default();
    let loops = event_loops(vec![listening], &limits, count, guard(), &draining);
    Server {
        loops: loops.unwrap(),
        address,
        counters,
        draining,
    }
}

/// Runs one loop until `condition` holds.
fn turn_until(event_loop: &mut EventLoop, mut condition: impl FnMut(&EventLoop) -> bool) {
    let (mut events, mut ahead) = (Events::with_capacity(8), ReadAhead::default());
    let begin = Instant::now();
    while !condition(event_loop) {
        assert!(begin.elapsed() < TIMEOUT, "it does not come about");
        assert!(event_loop.turn(&mut events, &mut ahead), "it has ended");
    }
}

fn is_answered(peer: &mut TcpStream) -> bool {
    let mut answer = [0];
    peer.set_read_timeout(Some(TIMEOUT)).unwrap();
    peer.write_all(b"a").unwrap();
    matches!(peer.read(&mut answer), Ok(1)) && answer == *b"A"
}

#[test]
fn accepting_resumes_when_a_closed_connection_frees_a_descriptor() {
    let mut server = server(1, false);
    let [event_loop] = &mut server.loops[..] else {
        panic!("one loop")
    };
    let counters = server.counters.clone();
    event_loop.listeners[0].limit_descriptors(1);
    let mut peers = [(); 2].map(|()| TcpStream::connect(server.address).unwrap());
    turn_until(event_loop, |_| counters.read().accept_failures > 0);
    assert_eq!(counters.read().accepted, 1);
    // Longer than the test may take: no time ends this pause.
    event_loop.listeners[0].pause_for(2 * TIMEOUT);
    peers[1].write_all(b"hello").unwrap();
    drop(std::mem::replace(
        &mut peers[0],
        TcpStream::connect(server.address).unwrap(),
    ));
    turn_until(event_loop, |_| counters.read().received_bytes == 5);
    let mut answer = [0; 5];
    peers[1].read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HELLO");
    let totals = counters.read();
    assert_eq!((totals.accepted, totals.finished), (2, 1));
}

#[test]
fn a_listener_that_has_no_descriptors_does_not_spin() {
    let mut server = server(1, false);
    let event_loop = &mut server.loops[0];
    let counters = server.counters.clone();
    event_loop.listeners[0].limit_descriptors(0);
    let _waiting = TcpStream::connect(server.address).unwrap();
    turn_until(event_loop, |_| counters.read().accept_failures > 0);
    event_loop.listeners[0].pause_for(TIMEOUT);
    let now = Instant::now();
    assert!(event_loop.timeout(now) > Some(Duration::ZERO));
    event_loop.listeners[0].end_pause();
    assert_eq!(event_loop.timeout(now), Some(Duration::ZERO));
}

#[test]
fn every_loop_serves_and_ends_with_the_drain() {
    const LOOPS: usize = 3;
    let server = server(LOOPS, false);
    let mut peers: Vec<_> = (0..3 * LOOPS)
        .map(|_| TcpStream::connect(server.address).unwrap())
        .collect();
    std::thread::scope(|scope| {
        let (sender, served) = std::sync::mpsc::channel();
        for mut event_loop in server.loops {
            let sender = sender.clone();
            scope.spawn(move || {
                let (mut events, mut ahead) = (Events::with_capacity(8), ReadAhead::default());
                let mut has_served = false;
                while event_loop.turn(&mut events, &mut ahead) {
                    has_served |= !event_loop.connections.is_empty();
                }
                sender.send(has_served).unwrap();
            });
        }
        assert!(peers.iter_mut().all(is_answered));
        server.draining.begin();
        for _ in 0..LOOPS {
            assert_eq!(served.recv_timeout(TIMEOUT), Ok(true));
        }
    });
    let totals = server.counters.read();
    assert_eq!((totals.accepted, totals.finished), (9, 9), "{totals:?}");
}

/// The connections that a server accepts when it is stopped at once.
fn accepted_at_the_end(is_inherited: bool) -> u64 {
    let mut server = server(2, is_inherited);
    let _waiting = TcpStream::connect(server.address).unwrap();
    server.draining.begin();
    std::thread::scope(|scope| {
        for event_loop in server.loops.drain(..) {
            scope.spawn(|| event_loop.run());
        }
    });
    server.counters.read().accepted
}

#[test]
fn a_waiting_connection_is_left_to_the_next_server_if_there_can_be_one() {
    assert_eq!(accepted_at_the_end(false), 1);
    assert_eq!(accepted_at_the_end(true), 0);
}

#[test]
fn a_peer_as_fast_as_the_server_is_dropped_after_the_drain_and_keeps_no_other_from_its_turn() {
    let mut server = server(1, false);
    let event_loop = &mut server.loops[0];
    let counters = server.counters.clone();
    let (flooding, its_connection) = over_unix(&counters);
    let (mut other, others_connection) = over_unix(&counters);
    event_loop.connections.register(its_connection);
    event_loop.connections.register(others_connection);
    fill(&flooding);
    other.write_all(b"hello").unwrap();
    server.draining.begin();
    let (mut events, mut ahead) = (Events::with_capacity(8), ReadAhead::default());
    let begin = Instant::now();
    let (mut answer, mut others_end) = (Vec::new(), None);
    while event_loop.turn(&mut events, &mut ahead) {
        drain(&flooding);
        fill(&flooding);
        if others_end.is_none() && other.read_to_end(&mut answer).is_ok() {
            others_end = Some(begin.elapsed());
        }
    }
    let elapsed = begin.elapsed();
    server.loops.clear();
    let totals = counters.read();
    assert_eq!(answer, b"HELLO");
    assert_eq!(totals.dropped_by(ConnectionDropCause::DrainTimeout), 1);
    assert_eq!(totals.finished, 1, "{totals:?}");
    assert!(elapsed >= DRAIN_TIMEOUT, "{elapsed:?}");
    assert!(elapsed < DRAIN_TIMEOUT * 3 / 2, "{elapsed:?}");
    assert!(others_end < Some(DRAIN_TIMEOUT / 2), "{others_end:?}");
}

#[test]
fn an_abort_ends_the_drain_at_once() {
    let server = server(1, false);
    let (peer, connection) = over_unix(&server.counters);
    fill(&peer);
    let mut server = server;
    let mut event_loop = server.loops.remove(0);
    event_loop.connections.register(connection);
    server.draining.abort();
    // It is for a server that stops.
    let (mut events, mut ahead) = (Events::with_capacity(8), ReadAhead::default());
    assert!(event_loop.turn(&mut events, &mut ahead));
    server.draining.begin();
    assert!(!event_loop.turn(&mut events, &mut ahead));
    drop(event_loop);
    let totals = server.counters.read();
    assert_eq!(totals.dropped_by(ConnectionDropCause::DrainTimeout), 1);
}
