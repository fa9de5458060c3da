//! One event loop: a thread that accepts connections and serves its share of them, driven by the
//! kernel's events.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::closed::Closed;
use super::connection::Connection;
use super::connections::Connections;
use super::distributor::Distributor;
use super::listener::Listener;
use super::read_ahead::ReadAhead;
use crate::draining::DRAIN_TIMEOUT;
use crate::draining::Draining;
use bullhorn_socket::error::plain;

/// Events taken from the kernel by one call.
const MAX_EVENTS: usize = 256;

/// The token of the waker. Those below it are the listeners', and the others the connections'.
pub(super) const WAKER: Token = Token(usize::MAX);

/// The token of a loop's listener.
fn listener_token(index: usize) -> Token {
    Token(WAKER.0 - 1 - index)
}

/// One of a server's event loops. It ends when the server drains and its connections are closed.
pub(crate) struct EventLoop {
    /// Its number among the loops.
    index: usize,
    poll: Poll,
    listeners: Vec<Listener>,
    /// While it accepts.
    distributor: Option<Distributor>,
    /// Connections that other loops have accepted.
    arrivals: Option<Receiver<Connection>>,
    connections: Connections,
    closed: Arc<Closed>,
    draining: Arc<Draining>,
    /// When the drain ends, once it has begun.
    drain_end: Option<Instant>,
}

impl EventLoop {
    pub(super) fn new(
        index: usize,
        poll: Poll,
        arrivals: Receiver<Connection>,
        connections: Connections,
        closed: Arc<Closed>,
        draining: Arc<Draining>,
    ) -> Self {
        Self {
            index,
            poll,
            listeners: Vec::new(),
            distributor: None,
            arrivals: Some(arrivals),
            connections,
            closed,
            draining,
            drain_end: None,
        }
    }

    /// Accepts connections from now on, for all loops.
    pub(super) fn listen(
        &mut self,
        listeners: Vec<Listener>,
        distributor: Distributor,
    ) -> io::Result<()> {
        for (index, listener) in listeners.iter().enumerate() {
            listener.register(self.poll.registry(), listener_token(index))?;
        }
        self.listeners = listeners;
        self.distributor = Some(distributor);
        Ok(())
    }

    /// Serves until the drain is over. Remaining connections count themselves when they are
    /// dropped.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(MAX_EVENTS);
        let mut ahead = ReadAhead::default();
        while self.turn(&mut events, &mut ahead) {}
    }

    /// Waits, unless something can proceed, and then gives everything one turn. `false` once
    /// nothing is left to serve.
    fn turn(&mut self, events: &mut Events, ahead: &mut ReadAhead) -> bool {
        if self.drain_end.is_none() && self.draining.has_begun() {
            self.begin_drain();
        }
        let now = Instant::now();
        self.connections.check_deadlines(now);
        if self.is_over(now) {
            return false;
        }
        match self.poll.poll(events, self.timeout(now)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                tracing::error!("cannot wait for connections: {}", plain(&error));
                return false;
            }
            _ => {}
        }
        for event in &*events {
            match event.token() {
                WAKER => self.take_arrivals(),
                token => match self.listeners.get_mut(WAKER.0 - 1 - token.0) {
                    Some(listener) => listener.note_event(),
                    None => self.connections.note_event(event),
                },
            }
        }
        self.accept();
        self.connections.take_turns(ahead);
        true
    }

    /// Whether nothing is left to serve, or the drain must end anyway.
    fn is_over(&self, now: Instant) -> bool {
        let is_unused = self.listeners.is_empty() && self.arrivals.is_none();
        let must_end = |end| end <= now || self.draining.is_aborted();
        (is_unused && self.connections.is_empty()) || self.drain_end.is_some_and(must_end)
    }

    /// Until when there is nothing to do without an event; `None` is forever.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.connections.are_ready() {
            return Some(Duration::ZERO);
        }
        let accepts = self
            .listeners
            .iter()
            .filter_map(|listener| listener.accepts_at(now));
        let first = accepts
            .chain(self.connections.next_check())
            .chain(self.drain_end)
            .min();
        first.map(|first| first.saturating_duration_since(now))
    }

    fn take_arrivals(&mut self) {
        while let Some(arrivals) = &self.arrivals {
            match arrivals.try_recv() {
                Ok(connection) => self.connections.register(connection),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.arrivals = None,
            }
        }
    }

    /// A turn for each listener that can accept.
    fn accept(&mut self) {
        let Some(distributor) = &mut self.distributor else {
            return;
        };
        let has_descriptor = !self.closed.is_waiting(self.index);
        for listener in &mut self.listeners {
            if has_descriptor {
                listener.end_pause();
            }
            let begins_pause = listener.take_turn(|connection| {
                if let Some(own) = distributor.distribute(connection) {
                    self.connections.register(own);
                }
            });
            if begins_pause {
                self.closed.wait(self.index);
            }
        }
    }

    /// Accepts what the kernel has completed by now, and lets all connections end.
    fn begin_drain(&mut self) {
        self.drain_end = Some(Instant::now() + DRAIN_TIMEOUT);
        let mut distributor = self.distributor.take();
        for mut listener in std::mem::take(&mut self.listeners) {
            listener.deregister(self.poll.registry());
            if let Some(distributor) = &mut distributor {
                listener.accept_last(|connection| {
                    if let Some(own) = distributor.distribute(connection) {
                        self.connections.register(own);
                    }
                });
            }
            // Dropped with its socket: new connections are refused from now on.
        }
        self.connections.begin_drain();
    }
}

#[cfg(test)]
mod tests;
