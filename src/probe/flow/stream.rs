//! A flow over a connection: each text with a line end behind it, each answer as many lines as its
//! text.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::{Flow, Reception, Transmission};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::socket::begin_connect;
use crate::socket::call::{Excerpt, traced};

const READ_SIZE: usize = 65_536;

/// With so many bytes waiting to be written, a peer that does not read gets no more texts.
const MOST_UNWRITTEN: usize = 1 << 20;

pub(super) struct StreamFlow {
    endpoint: Endpoint,
    timeout: Duration,
    line_ends: usize,
    longest: usize,
    connection: Option<Connection>,
}

struct Connection {
    socket: Socket,
    begun: Instant,
    is_made: bool,
    unwritten: VecDeque<u8>,
    received: Vec<u8>,
    /// How many of the received bytes are searched, and the line ends found there.
    searched: usize,
    found: usize,
    /// How it ended; told after the last whole answer.
    ended: Option<Reception>,
}

impl StreamFlow {
    pub(super) fn new(
        endpoint: &Endpoint,
        timeout: Duration,
        line_ends: usize,
        longest: usize,
    ) -> Self {
        Self {
            endpoint: endpoint.clone(),
            timeout,
            line_ends,
            longest,
            connection: None,
        }
    }
}

impl Flow for StreamFlow {
    fn open(&mut self) -> Result<()> {
        let is_stuck = |connection: &Connection| {
            !connection.is_made && connection.begun.elapsed() >= self.timeout
        };
        // The kernel waits longer with each repetition; a new attempt notices a way that is open
        // again.
        if self.connection.as_ref().is_none_or(is_stuck) {
            self.connection = None;
            self.connection = Some(Connection {
                socket: begin_connect(&self.endpoint)?,
                begun: Instant::now(),
                is_made: false,
                unwritten: VecDeque::new(),
                received: Vec::new(),
                searched: 0,
                found: 0,
                ended: None,
            });
        }
        Ok(())
    }

    fn is_opening(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| !connection.is_made)
    }

    fn send(&mut self, text: &[u8]) -> Transmission {
        match self.open() {
            Ok(()) => {}
            Err(Error::Refused { .. }) => return Transmission::Refused,
            Err(Error::Socket { source, .. }) => return Transmission::Failed(source),
            Err(error) => return Transmission::Failed(io::Error::other(error.to_string())),
        }
        let Some(connection) = &mut self.connection else {
            return Transmission::Failed(io::ErrorKind::NotConnected.into());
        };
        if connection.unwritten.len() >= MOST_UNWRITTEN {
            return Transmission::Failed(io::Error::other("the peer does not read"));
        }
        connection.unwritten.extend(text);
        connection.unwritten.push_back(b'\n');
        connection.write();
        Transmission::Taken
    }

    fn receive(&mut self, answer: &mut Vec<u8>) -> Reception {
        let Some(connection) = &mut self.connection else {
            return Reception::Nothing;
        };
        connection.write();
        loop {
            if connection.take_answer(self.line_ends, answer) {
                return Reception::Answer;
            }
            if connection.received.len() > 2 * self.longest + READ_SIZE {
                // Nothing that has no end can be an answer, and no next one would be found.
                connection.ended = Some(Reception::AllLost);
            }
            if connection.ended.is_none() && !connection.read() {
                return Reception::Nothing;
            }
            if let Some(ended) = connection.ended.take() {
                if connection.take_answer(self.line_ends, answer) {
                    connection.ended = Some(ended);
                    return Reception::Answer;
                }
                self.connection = None;
                return ended;
            }
        }
    }

    fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.connection.as_ref().map(|connection| {
            let waits_to_write = !connection.is_made || !connection.unwritten.is_empty();
            (connection.socket.as_fd(), waits_to_write)
        })
    }

    fn local_drops(&self) -> u64 {
        0
    }
}

impl Connection {
    /// Writes what goes, once the connection is made.
    fn write(&mut self) {
        if !self.is_made && self.ended.is_none() {
            match self.socket.take_error() {
                Ok(None) if self.socket.peer_addr().is_ok() => self.is_made = true,
                Ok(None) => return,
                Ok(Some(error)) | Err(error) => self.end(&error),
            }
        }
        while !self.unwritten.is_empty() && self.ended.is_none() {
            let (bytes, _) = self.unwritten.as_slices();
            let result = self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
            if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                return;
            }
            let call = format_args!("send({}, {})", self.socket.as_raw_fd(), Excerpt(bytes));
            match traced(call, result, |written| *written) {
                Ok(written) => drop(self.unwritten.drain(..written)),
                Err(error) => self.end(&error),
            }
        }
    }

    /// Whether something came: bytes, or the end.
    fn read(&mut self) -> bool {
        if !self.is_made {
            return false;
        }
        let old = self.received.len();
        self.received.resize(old + READ_SIZE, 0);
        let result = (&self.socket).read(&mut self.received[old..]);
        let length = result.as_ref().map_or(0, |length| *length);
        self.received.truncate(old + length);
        if matches!(&result, Err(error) if matches!(error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted))
        {
            return false;
        }
        let call = format_args!("recv({})", self.socket.as_raw_fd());
        let result = traced(call, result, |length| {
            format!("{length} {}", Excerpt(&self.received[old..]))
        });
        match result {
            Ok(0) => self.ended = Some(Reception::AllLost),
            Ok(_) => {}
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

    /// Moves the first whole answer, less its line end, to `answer`.
    fn take_answer(&mut self, line_ends: usize, answer: &mut Vec<u8>) -> bool {
        while self.searched < self.received.len() {
            self.searched += 1;
            if self.received[self.searched - 1] != b'\n' {
                continue;
            }
            self.found += 1;
            if self.found > line_ends {
                answer.clear();
                answer.extend(&self.received[..self.searched - 1]);
                self.received.drain(..self.searched);
                (self.searched, self.found) = (0, 0);
                return true;
            }
        }
        false
    }
}
