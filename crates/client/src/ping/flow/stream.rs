//! A flow over a connection: each text with a line end behind it, each answer as many lines as its
//! text.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Flow, Reception, Transmission};
use crate::ping::text::ProbeTexts;
use bullhorn_socket::connect::{Attempt, begin_connect};
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;
use bullhorn_socket::lines::{Arrival, Lines};

pub(super) struct StreamFlow {
    endpoint: Endpoint,
    timeout: Duration,
    connection: Option<Connection>,
}

struct Connection {
    lines: Lines,
    begun: Instant,
    attempt: Attempt,
    /// How many bytes of an answer that has not come whole are known to be right.
    checked: usize,
    /// How it ended; told after the last whole answer.
    ended: Option<Reception>,
}

impl StreamFlow {
    pub(super) fn new(endpoint: &Endpoint, timeout: Duration) -> Self {
        Self {
            endpoint: endpoint.clone(),
            timeout,
            connection: None,
        }
    }
}

impl Flow for StreamFlow {
    fn open(&mut self) -> Result<()> {
        let is_stuck = |connection: &Connection| {
            !connection.attempt.is_made() && connection.begun.elapsed() >= self.timeout
        };
        // The kernel waits longer with each repetition; a new attempt notices a way that is open
        // again.
        if self.connection.as_ref().is_none_or(is_stuck) {
            self.connection = None;
            let (socket, attempt) = begin_connect(&self.endpoint)?;
            self.connection = Some(Connection {
                lines: Lines::new(socket),
                begun: Instant::now(),
                attempt,
                checked: 0,
                ended: None,
            });
        }
        Ok(())
    }

    fn is_opening(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| !connection.attempt.is_made())
    }

    fn send(&mut self, text: &[u8]) -> Transmission {
        if let Err(error) = self.open() {
            return Transmission::without_flow(error);
        }
        let Some(connection) = &mut self.connection else {
            return Transmission::Failed(io::ErrorKind::NotConnected.into());
        };
        if connection.lines.is_congested() {
            return Transmission::Failed(io::Error::other("the peer does not read"));
        }
        connection.lines.push(text);
        connection.write();
        Transmission::Taken
    }

    fn receive(&mut self, texts: &ProbeTexts, answer: &mut Vec<u8>) -> Reception {
        let Some(connection) = &mut self.connection else {
            return Reception::Nothing;
        };
        connection.write();
        loop {
            if connection.take_answer(texts, answer) {
                return Reception::Answer;
            }
            if let Some(ended) = connection.ended.take() {
                self.connection = None;
                return ended;
            }
            if !connection.read() {
                return Reception::Nothing;
            }
        }
    }

    fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.connection.as_ref().map(|connection| {
            let socket = connection.lines.socket();
            if connection.attempt.is_made() {
                (socket.as_fd(), connection.lines.has_unwritten())
            } else {
                connection.attempt.interest(socket)
            }
        })
    }

    fn local_drops(&self) -> u64 {
        0
    }
}

impl Connection {
    /// Writes what goes, once the connection is made.
    fn write(&mut self) {
        if self.ended.is_none() {
            match self.attempt.advance(self.lines.socket()) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => self.end(&error),
            }
        }
        if self.ended.is_none()
            && let Err(error) = self.lines.write()
        {
            self.end(&error);
        }
    }

    /// Whether something came: bytes, or the end.
    fn read(&mut self) -> bool {
        if !self.attempt.is_made() {
            return false;
        }
        match self.lines.read() {
            Ok(Arrival::Nothing) => return false,
            Ok(Arrival::Bytes) => {}
            Ok(Arrival::End) => self.ended = Some(Reception::AllLost),
            Err(error) => self.end(&error),
        }
        true
    }

    fn end(&mut self, error: &io::Error) {
        self.ended = Some(match error.kind() {
            io::ErrorKind::ConnectionRefused => Reception::AllRefused,
            _ => Reception::AllLost,
        });
    }

    /// Copies the first answer that is whole, or wrong already, to `answer`.
    fn take_answer(&mut self, texts: &ProbeTexts, answer: &mut Vec<u8>) -> bool {
        if let Some(line) = self.lines.take(texts.line_ends()) {
            answer.clear();
            answer.extend(line);
            self.checked = 0;
            return true;
        }
        let partial = self.lines.rest();
        if texts.may_begin_right(partial, self.checked) {
            self.checked = partial.len();
            return false;
        }
        // Where the next answer begins is not known, and this one may have no end.
        answer.clear();
        answer.extend(partial);
        self.lines.consume(answer.len());
        self.checked = 0;
        self.ended.get_or_insert(Reception::AllLost);
        true
    }
}
