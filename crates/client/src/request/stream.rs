//! Many lines in flight on one connection: answers come in the order of the lines.
//!
//! A text is followed by a line end. Upper-casing neither adds nor removes line ends, so an answer
//! has as many lines as its text. When the connection breaks, the line whose answer was next has
//! failed; those after it are sent again on the next connection.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;

use super::connection::Connection;
use super::outcome::Observer;
use super::queue::Queue;
use super::settings::Settings;
use super::texts::{Next, Texts};
use crate::ask::candidates::Candidates;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::{Endpoint, MAX_LINE};
use bullhorn_socket::error::{Error, Operation, Result};

/// The client side of one stream endpoint.
pub(super) struct Exchange {
    candidates: Candidates,
    settings: Settings,
    stop: Stop,
    connection: Option<Connection>,
    endpoint: Endpoint,
}

impl Exchange {
    /// Connects to the first address that accepts.
    pub(super) fn connect(candidates: Candidates, settings: Settings, stop: Stop) -> Result<Self> {
        let (endpoint, connection) = Connection::open(candidates.clone(), &settings, &stop)?;
        Ok(Self {
            candidates,
            settings,
            stop,
            connection: Some(connection),
            endpoint,
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends every text and reports the outcomes in order, until the texts end or `observer`
    /// breaks. With `half_close`, the peer learns that no more will come.
    pub(super) fn run(
        &mut self,
        texts: &mut dyn Texts,
        observer: &mut dyn Observer,
        half_close: bool,
    ) -> Result<()> {
        let window = self.settings.window.max(1);
        let mut queue = Queue::new(window);
        let mut ended = false;
        // Lines whose connection broke before their answer was next.
        let mut again = VecDeque::new();
        loop {
            let mut waits_for_text = false;
            if self.stop.is_stopped() {
                ended = true;
                self.stop_unanswered(&mut queue);
                queue.stop_unsent(texts, &self.endpoint)?;
            }
            while let Some(outcome) = queue.pop() {
                if observer.outcome(outcome) == ControlFlow::Break(()) {
                    if !queue.is_empty() {
                        // Answers to the rest could be mistaken for answers to the next text.
                        self.connection = None;
                    }
                    return Ok(());
                }
            }
            while queue.has_room() && !ended && !waits_for_text && !self.is_congested() {
                match texts.next(MAX_LINE).map_err(Error::Texts)? {
                    Next::Text(text) => again.push_back((queue.push(text.len()), text)),
                    Next::TooLong => queue.push_failed(Error::too_long(&self.endpoint, MAX_LINE)),
                    Next::NotYet => waits_for_text = true,
                    Next::End => ended = true,
                }
            }
            while let Some((number, text)) = again.pop_front() {
                match self.connection(observer) {
                    Ok(connection) => connection.begin(number, text),
                    Err(error) => queue.settle(number, Err(error)),
                }
            }
            if ended && queue.is_empty() {
                return Ok(());
            }
            if self.connection.as_ref().is_none_or(Connection::is_idle) {
                // Unsolicited bytes stay in the kernel, whose buffer is bounded.
                if waits_for_text && queue.is_empty() {
                    self.wait_for(texts)?;
                }
                continue;
            }
            let waited_for = texts.descriptor().filter(|_| waits_for_text);
            again = self.advance(waited_for, ended && half_close, &mut queue);
        }
    }

    /// Writes and reads what is possible. Returns the lines of a connection that broke before their
    /// answer was next.
    fn advance(
        &mut self,
        texts: Option<BorrowedFd<'_>>,
        half_close: bool,
        queue: &mut Queue,
    ) -> VecDeque<(u64, Vec<u8>)> {
        let timeout = self.settings.timeout;
        let result = match &mut self.connection {
            Some(connection) => connection.advance(texts, half_close, timeout, &self.stop, queue),
            None => Ok(()),
        };
        let Err(broken) = result else {
            return VecDeque::new();
        };
        let connection = self.connection.take();
        let mut lines = connection.into_iter().flat_map(Connection::into_lines);
        if let Some(error) = broken.into_error(&self.endpoint)
            && let Some((number, _)) = lines.next()
        {
            queue.settle(number, Err(error));
        }
        lines.collect()
    }

    /// The stop came before their answers.
    fn stop_unanswered(&mut self, queue: &mut Queue) {
        if let Some(connection) = self.connection.take_if(|its| !its.is_idle()) {
            for (number, _) in connection.into_lines() {
                queue.stop(number, &self.endpoint);
            }
        }
    }

    /// With nothing in flight there is only the source of texts to wait for.
    fn wait_for(&self, texts: &dyn Texts) -> Result<()> {
        self.stop
            .wait_with(texts.descriptor(), None)
            .map_err(|source| Error::socket(Operation::Receive, &self.endpoint, source))
    }

    fn is_congested(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(Connection::is_congested)
    }

    fn connection(&mut self, observer: &mut dyn Observer) -> Result<&mut Connection> {
        if self.connection.as_mut().is_none_or(Connection::is_spent) {
            let (endpoint, connection) =
                Connection::open(self.candidates.clone(), &self.settings, &self.stop)?;
            observer.using(&endpoint);
            self.endpoint = endpoint;
            return Ok(self.connection.insert(connection));
        }
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => unreachable!("a missing connection was opened above"),
        }
    }
}
