//! Many lines under way on one connection: answers come in the order of the lines.
//!
//! A text is sent with a line end behind it. Upper-casing neither makes nor takes line ends, so an
//! answer is as many lines as its text. When the connection breaks, the line that was waited for
//! has failed; those behind it are sent anew on the next connection.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::flow::whole_milliseconds;
use super::queue::Queue;
use super::texts::Next;
use super::{Answer, Observer, Settings, Texts, leave_unsent, stopped};
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::socket::call::traced_zero;
use crate::socket::connect;
use crate::socket::lines::{Arrival, Lines};
use crate::socket::sys::PollSet;
use crate::stop::Stop;

/// The client side of one stream endpoint.
pub(super) struct Exchange {
    candidates: Vec<Endpoint>,
    settings: Settings,
    stop: Stop,
    connection: Option<Connection>,
    endpoint: Endpoint,
}

struct Connection {
    stream: Lines,
    lines: VecDeque<Line>,
    half_closed: bool,
    /// When a byte last went or came, or the first line was taken up.
    last_progress: Instant,
}

/// A text under way.
struct Line {
    number: u64,
    text: Vec<u8>,
    sent: Instant,
}

impl Exchange {
    /// Connects to the first address that accepts.
    pub(super) fn connect(
        candidates: Vec<Endpoint>,
        settings: Settings,
        stop: Stop,
    ) -> Result<Self> {
        let (endpoint, connection) = Connection::open(&candidates, &settings, &stop)?;
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

    /// Sends every text and tells the outcomes in order, until the texts end or `observer` breaks
    /// off. With `half_close`, tells the peer that no more will come.
    pub(super) fn run(
        &mut self,
        texts: &mut dyn Texts,
        observer: &mut dyn Observer,
        half_close: bool,
    ) -> Result<()> {
        let window = self.settings.window.max(1);
        let mut queue = Queue::new(window);
        let mut ended = false;
        // Lines whose connection broke before it was their turn.
        let mut again = VecDeque::new();
        loop {
            let mut waits_for_text = false;
            if self.stop.is_stopped() {
                ended = true;
                self.leave_unanswered(&mut queue);
                leave_unsent(texts, &mut queue, &self.endpoint)?;
            }
            while let Some(outcome) = queue.pop() {
                if observer.outcome(outcome) == ControlFlow::Break(()) {
                    if !queue.is_empty() {
                        // Answers to the rest would be taken for answers to the next text.
                        self.connection = None;
                    }
                    return Ok(());
                }
            }
            while queue.has_room() && !ended && !waits_for_text && !self.is_congested() {
                match texts.next().map_err(Error::Texts)? {
                    Next::Text(text) => again.push_back((queue.push(), text)),
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
            let timeout = self.settings.timeout;
            let Some(connection) = &mut self.connection else {
                if waits_for_text {
                    self.wait_for(texts)?;
                }
                continue;
            };
            let waited_for = if waits_for_text {
                texts.descriptor()
            } else {
                None
            };
            let result = connection
                .advance(
                    waited_for,
                    ended && half_close,
                    timeout,
                    &self.stop,
                    &mut queue,
                )
                .map_err(|broken| broken.into_error(&self.endpoint));
            if let Err(error) = result
                && let Some(mut connection) = self.connection.take()
            {
                if let Some(line) = connection.lines.pop_front() {
                    queue.settle(line.number, Err(error));
                }
                again.extend(
                    connection
                        .lines
                        .into_iter()
                        .map(|line| (line.number, line.text)),
                );
            }
        }
    }

    /// The stop has come before their answers.
    fn leave_unanswered(&mut self, queue: &mut Queue) {
        if let Some(connection) = self.connection.take_if(|its| !its.lines.is_empty()) {
            for line in connection.lines {
                queue.settle(line.number, Err(stopped(&self.endpoint)));
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
            .is_some_and(|connection| connection.stream.is_congested())
    }

    fn connection(&mut self, observer: &mut dyn Observer) -> Result<&mut Connection> {
        if self
            .connection
            .as_ref()
            .is_none_or(|connection| connection.half_closed)
        {
            let (endpoint, connection) =
                Connection::open(&self.candidates, &self.settings, &self.stop)?;
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

/// Why a connection carries no further answer.
enum Broken {
    Silent(Instant),
    Closed,
    Failed(io::Error),
}

impl Broken {
    fn into_error(self, endpoint: &Endpoint) -> Error {
        match self {
            Self::Silent(since) => Error::NoAnswer {
                endpoint: endpoint.clone(),
                tries: 1,
                waited: whole_milliseconds(since.elapsed()),
            },
            Self::Failed(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                ) =>
            {
                Error::socket(Operation::Receive, endpoint, error)
            }
            Self::Failed(_) | Self::Closed => Error::Closed {
                endpoint: endpoint.clone(),
            },
        }
    }
}

impl Connection {
    fn open(candidates: &[Endpoint], settings: &Settings, stop: &Stop) -> Result<(Endpoint, Self)> {
        let mut last_error = Error::Usage("there is no address to ask".to_owned());
        for endpoint in candidates {
            match connect(endpoint, settings.timeout, stop) {
                Ok(socket) => {
                    let connection = Self {
                        stream: Lines::new(socket),
                        lines: VecDeque::new(),
                        half_closed: false,
                        last_progress: Instant::now(),
                    };
                    return Ok((endpoint.clone(), connection));
                }
                Err(error @ Error::Stopped { .. }) => return Err(error),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    fn begin(&mut self, number: u64, text: Vec<u8>) {
        let sent = Instant::now();
        if self.lines.is_empty() {
            self.last_progress = sent;
        }
        self.stream.push(&text);
        self.lines.push_back(Line { number, text, sent });
    }

    /// Writes and reads what goes, waiting for the first of: the socket, the texts, the timeout.
    fn advance(
        &mut self,
        texts: Option<BorrowedFd<'_>>,
        half_close: bool,
        timeout: Duration,
        stop: &Stop,
        queue: &mut Queue,
    ) -> std::result::Result<(), Broken> {
        if self.stream.write().map_err(Broken::Failed)? {
            self.last_progress = Instant::now();
        }
        if half_close && !self.half_closed && !self.stream.has_unwritten() {
            let socket = self.stream.socket();
            let call = format_args!("shutdown({}, SHUT_WR)", socket.as_raw_fd());
            traced_zero(call, socket.shutdown(Shutdown::Write)).map_err(Broken::Failed)?;
            self.half_closed = true;
        }
        let patience = (!self.lines.is_empty())
            .then(|| (self.last_progress + timeout).saturating_duration_since(Instant::now()));
        let mut poll = PollSet::default();
        let socket = self.stream.socket().as_fd();
        let place = poll.add(socket, true, self.stream.has_unwritten());
        if let Some(texts) = texts {
            poll.add(texts, true, false);
        }
        poll.add_stop(stop);
        poll.wait(patience).map_err(Broken::Failed)?;
        let to_read = poll.ready(place).to_read;
        drop(poll);
        if to_read {
            self.read(queue)?;
        }
        if !self.lines.is_empty() && self.last_progress.elapsed() >= timeout {
            return Err(Broken::Silent(self.last_progress));
        }
        Ok(())
    }

    fn read(&mut self, queue: &mut Queue) -> std::result::Result<(), Broken> {
        let arrival = self.stream.read().map_err(Broken::Failed)?;
        if arrival == Arrival::Nothing {
            return Ok(());
        }
        self.last_progress = Instant::now();
        self.take_answers(queue);
        if arrival == Arrival::End {
            // A last answer may lack its line end.
            if !self.stream.rest().is_empty()
                && let Some(line) = self.lines.pop_front()
            {
                line.settle(self.stream.rest().to_vec(), queue);
            }
            return Err(Broken::Closed);
        }
        Ok(())
    }

    /// Every answer that is whole goes to its line.
    fn take_answers(&mut self, queue: &mut Queue) {
        while let Some(line) = self.lines.front() {
            let line_ends = line.text.iter().filter(|byte| **byte == b'\n').count();
            let Some(answer) = self.stream.take(line_ends) else {
                break;
            };
            let answer = answer.to_vec();
            if let Some(line) = self.lines.pop_front() {
                line.settle(answer, queue);
            }
        }
    }
}

impl Line {
    fn settle(self, answer: Vec<u8>, queue: &mut Queue) {
        let answer = Answer::new(&self.text, answer, self.sent.elapsed(), 1);
        queue.settle(self.number, Ok(answer));
    }
}
