//! Probes over a connection: each text followed by a line end, each answer as many lines as its
//! text.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::answer::AnswerBuffer;
use super::probe_flow::{ProbeFlow, Progress, Reception, Transmission};
use crate::ask::flow::StreamFlow;
use crate::ask::proxy_header;
use crate::ping::loss::Loss;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;
use bullhorn_socket::lines::Arrival;
use bullhorn_socket::{ConnectOptions, PathError};

pub(super) struct StreamProbes {
    endpoint: Endpoint,
    options: ConnectOptions,
    timeout: Duration,
    /// Of the last connection.
    source: Option<SocketAddr>,
    connection: Option<Connection>,
}

struct Connection {
    flow: StreamFlow,
    begun: Instant,
    /// How many bytes of an incomplete answer are known to be right.
    checked: usize,
    /// Before the first text no answer is read, as it belongs to none.
    has_text: bool,
    /// How it ended; reported after the last complete answer.
    ended: Option<Loss>,
}

impl StreamProbes {
    pub(super) fn new(endpoint: &Endpoint, options: &ConnectOptions, timeout: Duration) -> Self {
        Self {
            endpoint: endpoint.clone(),
            options: options.clone(),
            timeout,
            source: None,
            connection: None,
        }
    }
}

impl ProbeFlow for StreamProbes {
    fn open(&mut self) -> Result<()> {
        let is_stuck = |connection: &Connection| {
            !connection.flow.is_connected() && connection.begun.elapsed() >= self.timeout
        };
        // The kernel waits longer before each retry; a new attempt notices sooner that the path is
        // open again.
        if self.connection.as_ref().is_none_or(is_stuck) {
            self.connection = None;
            let flow = StreamFlow::begin(&self.endpoint, &self.options)?;
            self.source = flow.source().or(self.source);
            self.connection = Some(Connection {
                flow,
                begun: Instant::now(),
                checked: 0,
                has_text: false,
                ended: None,
            });
        }
        Ok(())
    }

    fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    fn is_opening(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| !connection.flow.is_connected())
    }

    fn send(&mut self, _: u64, text: &[u8]) -> Transmission {
        if let Err(error) = self.open() {
            return Transmission::without_flow(error);
        }
        let Some(connection) = &mut self.connection else {
            return Transmission::failed(&io::ErrorKind::NotConnected.into());
        };
        if connection.flow.lines.is_congested() {
            return Transmission::failed(&io::Error::other("the peer does not read"));
        }
        connection.flow.lines.push(text);
        connection.has_text = true;
        connection.write();
        // A failed attempt has reported its error by now, and the socket may not become ready again.
        if !connection.flow.is_connected()
            && let Some(ended) = connection.ended.take()
        {
            self.connection = None;
            return Transmission::Ended(ended);
        }
        Transmission::Taken
    }

    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception {
        let Some(connection) = &mut self.connection else {
            return Reception::Nothing;
        };
        connection.write();
        if connection.is_idle() {
            return Reception::Nothing;
        }
        loop {
            if connection.take_answer(texts, answer) {
                return Reception::Answer;
            }
            if let Some(ended) = connection.ended.take() {
                self.connection = None;
                return Reception::Ended(ended);
            }
            if !connection.read() {
                return Reception::Nothing;
            }
        }
    }

    fn interest(&self, index: usize) -> Option<(BorrowedFd<'_>, bool)> {
        let connection = self.connection.as_ref();
        let connection = connection.filter(|its| index == 0 && !its.is_idle())?;
        Some(connection.flow.interest())
    }

    fn progress(&self) -> Option<Progress> {
        let is_established = |its: &&Connection| its.flow.is_connected() && its.ended.is_none();
        let Some(connection) = self.connection.as_ref().filter(is_established) else {
            return Some(Progress::default());
        };
        let socket = connection.flow.lines.socket();
        Some(Progress {
            is_established: true,
            unacknowledged: socket.unacknowledged().ok()?,
            // Unknown but on Linux, where a connection then is not diagnosed.
            retransmissions: socket.retransmissions().unwrap_or(0),
        })
    }

    fn local_drops(&self) -> u64 {
        0
    }
}

impl Connection {
    /// Whether it waits for its first text.
    fn is_idle(&self) -> bool {
        self.flow.is_connected() && !self.has_text && self.ended.is_none()
    }

    fn write(&mut self) {
        if self.ended.is_none()
            && let Err(error) = self.flow.write()
        {
            self.end(&error);
        }
    }

    /// Whether something arrived: bytes, or the end.
    fn read(&mut self) -> bool {
        match self.flow.read() {
            Ok(Arrival::Nothing) => return false,
            Ok(Arrival::Bytes) => {}
            Ok(Arrival::End) => self.ended = Some(Loss::Closed),
            Err(error) => self.end(&error),
        }
        true
    }

    fn end(&mut self, error: &io::Error) {
        self.ended = Some(PathError::of(error).map_or(Loss::Closed, Loss::Path));
    }

    /// Copies the first answer that is complete, or already wrong, to `answer`.
    fn take_answer(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> bool {
        let lines = &mut self.flow.lines;
        // What a proxy put before the text is part of the answer.
        let header = proxy_header::line_ends(lines.rest());
        if let Some(line) = lines.take(texts.line_ends().saturating_add(header)) {
            answer.copy_from(line);
            self.checked = 0;
            return true;
        }
        let partial = lines.rest();
        let max = proxy_header::MAX_LENGTH + texts.expected_length();
        if header > 0 && partial.len() <= max {
            return false;
        }
        if texts.may_begin_right(partial, self.checked) {
            self.checked = partial.len();
            return false;
        }
        // Where the next answer begins is unknown, and this one may be endless.
        answer.copy_from(partial);
        lines.consume(answer.as_slice().len());
        self.checked = 0;
        self.ended.get_or_insert(Loss::Closed);
        true
    }
}
