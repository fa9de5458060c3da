//! One connection with many lines in flight, whose answers come in the order of the lines.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::awaited::Awaited;
use super::broken::Broken;
use super::flow::NEIGHBOUR_VERDICT;
use super::queue::Queue;
use super::settings::Settings;
use crate::ask::candidates::Candidates;
use crate::ask::comparison::Verdict;
use crate::ask::flow::StreamFlow;
use bullhorn_socket::PollSet;
use bullhorn_socket::Stop;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;
use bullhorn_socket::lines::{Arrival, READ_SIZE};

pub(super) struct Connection {
    flow: StreamFlow,
    lines: VecDeque<Line>,
    /// The answer to the first line.
    awaited: Option<Awaited>,
    half_closed: bool,
    /// When a byte was last sent or received, or the first line was added.
    last_progress: Instant,
}

/// A text in flight.
struct Line {
    number: u64,
    text: Vec<u8>,
    /// How many bytes of it, and of its line end, are in the write buffer or written.
    queued: usize,
    begun: Instant,
}

impl Connection {
    /// Connects to the first address that accepts.
    pub(super) fn open(
        mut candidates: Candidates,
        settings: &Settings,
        stop: &Stop,
    ) -> Result<(Endpoint, Self)> {
        let timeout = connect_timeout(settings);
        candidates.find(|address| {
            let connection = Self {
                flow: StreamFlow::connect(address, &settings.connect, timeout, stop)?,
                lines: VecDeque::new(),
                awaited: None,
                half_closed: false,
                last_progress: Instant::now(),
            };
            Ok((address.clone(), connection))
        })
    }

    /// Whether no answer is outstanding.
    pub(super) fn is_idle(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether it takes no further line: half-closed by us, or closed by the peer while it was idle.
    pub(super) fn is_spent(&mut self) -> bool {
        // At most one read, so that a peer that sends unsolicited bytes cannot use up memory.
        let may_read = self.is_idle() && self.flow.lines.rest().len() < READ_SIZE;
        self.half_closed
            || (may_read && !matches!(self.flow.read(), Ok(arrival) if arrival != Arrival::End))
    }

    /// Whether the peer should take what is unwritten before more is added.
    pub(super) fn is_congested(&self) -> bool {
        self.flow.lines.is_congested() || self.lines.back().is_some_and(|line| !line.is_queued())
    }

    /// Adds a line.
    pub(super) fn begin(&mut self, number: u64, text: Vec<u8>) {
        let begun = Instant::now();
        if self.lines.is_empty() {
            self.last_progress = begun;
            self.awaited = Some(Awaited::new(&text));
        }
        self.lines.push_back(Line {
            number,
            text,
            queued: 0,
            begun,
        });
    }

    /// The numbers and texts without an answer.
    pub(super) fn into_lines(self) -> impl Iterator<Item = (u64, Vec<u8>)> {
        self.lines.into_iter().map(|line| (line.number, line.text))
    }

    /// Writes and reads what is possible, after waiting for the socket, the texts or the deadline.
    pub(super) fn advance(
        &mut self,
        texts: Option<BorrowedFd<'_>>,
        half_close: bool,
        timeout: Duration,
        stop: &Stop,
        queue: &mut Queue,
    ) -> std::result::Result<(), Broken> {
        self.write().map_err(Broken::Failed)?;
        if half_close && !self.half_closed && !self.has_unwritten() {
            self.flow.half_close().map_err(Broken::Failed)?;
            self.half_closed = true;
        }
        let remaining = self
            .deadline(timeout)
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut poll = PollSet::default();
        let (socket, _) = self.flow.interest();
        let entry = poll.add(socket, true, self.has_unwritten());
        if let Some(texts) = texts {
            poll.add(texts, true, false);
        }
        poll.add_stop(stop);
        poll.wait(remaining).map_err(Broken::Failed)?;
        let to_read = poll.ready(entry).to_read;
        drop(poll);
        if to_read {
            self.read(queue)?;
        }
        match &self.awaited {
            Some(awaited)
                if self
                    .deadline(timeout)
                    .is_some_and(|deadline| deadline <= Instant::now()) =>
            {
                Err(Broken::Silent(awaited.since()))
            }
            _ => Ok(()),
        }
    }

    /// When to give up on the first line: when it takes longer than its length allows, or when the
    /// peer takes nothing of what is unwritten. The progress of bytes that the kernel has taken is
    /// not visible.
    fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let awaited = self.awaited.as_ref()?;
        let slow = awaited.since().checked_add(awaited.time_limit(timeout));
        let stuck = self.last_progress.checked_add(timeout);
        let stuck = stuck.filter(|_| self.has_unwritten());
        [slow, stuck].into_iter().flatten().min()
    }

    fn has_unwritten(&self) -> bool {
        self.flow.lines.has_unwritten() || self.is_congested()
    }

    /// Buffers the lines piece by piece, so that a long one is not copied as a whole, and writes what
    /// the kernel takes.
    fn write(&mut self) -> io::Result<()> {
        for line in self.lines.iter_mut().filter(|line| !line.is_queued()) {
            while !line.is_queued() && !self.flow.lines.is_congested() {
                let rest = line.text.get(line.queued..).unwrap_or_default();
                let piece = &rest[..rest.len().min(READ_SIZE)];
                self.flow
                    .lines
                    .push_bytes(if piece.is_empty() { b"\n" } else { piece });
                line.queued += piece.len().max(1);
            }
        }
        if self.flow.write()? {
            self.last_progress = Instant::now();
        }
        Ok(())
    }

    fn read(&mut self, queue: &mut Queue) -> std::result::Result<(), Broken> {
        let arrival = self.flow.read().map_err(Broken::Failed)?;
        if arrival == Arrival::Nothing {
            return Ok(());
        }
        self.last_progress = Instant::now();
        self.take_answers(queue)?;
        if arrival == Arrival::End {
            self.take_last_answer(queue);
            return Err(Broken::Closed);
        }
        Ok(())
    }

    /// Settles every line whose answer is known to be right or wrong.
    fn take_answers(&mut self, queue: &mut Queue) -> std::result::Result<(), Broken> {
        while let Some(awaited) = &mut self.awaited {
            let (taken, verdict) = awaited.compare(self.flow.lines.rest());
            self.flow.lines.consume(taken);
            match verdict {
                Verdict::Incomplete => break,
                Verdict::Right => self.settle(queue, |awaited, line, _| {
                    awaited.into_right(line.begun.elapsed())
                }),
                Verdict::Wrong(end) => {
                    let length = end.unwrap_or(self.flow.lines.rest().len());
                    self.settle(queue, |awaited, line, rest| {
                        awaited.into_answer(&line.text, &rest[..length], line.begun.elapsed())
                    });
                    if end.is_none() {
                        return Err(Broken::OutOfStep);
                    }
                    self.flow.lines.consume(length + 1);
                }
            }
        }
        Ok(())
    }

    /// The last answer before the end of the stream may lack its line end.
    fn take_last_answer(&mut self, queue: &mut Queue) {
        if self.awaited.as_ref().is_some_and(Awaited::has_begun) {
            self.settle(queue, |awaited, line, _| {
                awaited.into_answer(&line.text, b"", line.begun.elapsed())
            });
        }
    }

    /// Settles the first line with the result of `answer` for the awaited answer, the line, and the
    /// bytes that were not consumed.
    fn settle(&mut self, queue: &mut Queue, answer: impl FnOnce(Awaited, &Line, &[u8]) -> Answer) {
        if let (Some(awaited), Some(line)) = (self.awaited.take(), self.lines.pop_front()) {
            queue.settle(
                line.number,
                Ok(answer(awaited, &line, self.flow.lines.rest())),
            );
        }
        self.awaited = self.lines.front().map(|line| Awaited::new(&line.text));
    }
}

/// A connection has the time that a datagram has with all its retries: the kernel repeats a lost SYN
/// after a second. Where that ends just before the kernel reports a neighbour that does not answer,
/// it waits for the report.
fn connect_timeout(settings: &Settings) -> Duration {
    let tries = settings.retries.saturating_add(1);
    let timeout = settings.timeout.saturating_mul(tries);
    match NEIGHBOUR_VERDICT.contains(&timeout) {
        true => NEIGHBOUR_VERDICT.end,
        false => timeout,
    }
}

impl Line {
    /// Whether all of it is in the write buffer or written.
    fn is_queued(&self) -> bool {
        self.queued > self.text.len()
    }
}
