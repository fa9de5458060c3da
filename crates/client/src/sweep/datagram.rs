//! Sizes over datagrams: one socket, and so one source port, as a path may depend on it.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::obstacle::Obstacle;
use super::prober::{Prober, Reply};
use super::waiting::End;
use crate::ask::diagnosis::{Diagnosis, diagnose};
use crate::ask::filler::nonce;
use crate::ask::flow::{DatagramFlow, Failure};
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{ConnectOptions, PathError, PathOutcome, QueuedError, RECEIVE_BUFFER};

/// The most datagrams and reports that are read before the clock is looked at, and the most reports
/// about earlier messages that a send may return first.
const MAX_READS: usize = 64;

pub(super) struct DatagramProber {
    flow: DatagramFlow,
    /// The bytes of a packet before the message.
    header: usize,
    nonce: u64,
    size: usize,
    texts: ProbeTexts,
    /// Of the first message of this size.
    first: u64,
    /// Of the last message sent.
    number: u64,
    /// When each message of this size was sent.
    sent_at: Vec<Instant>,
    has_passed: bool,
    sent: u64,
    answered: u64,
    /// The messages of the sizes that had no right answer.
    given_up: Vec<RangeInclusive<u64>>,
    late: u64,
    text: Vec<u8>,
    expected: Vec<u8>,
    buffer: Box<[u8]>,
}

impl DatagramProber {
    pub(super) fn open(
        endpoint: &Endpoint,
        options: &ConnectOptions,
        header: usize,
    ) -> Result<Self> {
        let flow = DatagramFlow::open(endpoint, options)?;
        // The kernel grants up to net.core.rmem_max.
        let _ = flow.socket().set_recv_buffer_size(RECEIVE_BUFFER);
        let nonce = nonce();
        Ok(Self {
            flow,
            header,
            nonce,
            size: 0,
            texts: ProbeTexts::new(nonce, 0, None),
            first: 1,
            number: 0,
            sent_at: Vec::new(),
            has_passed: false,
            sent: 0,
            answered: 0,
            given_up: Vec::new(),
            late: 0,
            text: Vec::new(),
            expected: Vec::new(),
            buffer: vec![0; DatagramFlow::BUFFER_SIZE].into_boxed_slice(),
        })
    }

    /// Whether messages may be fragmented from now on.
    pub(super) fn set_fragments(&mut self, are_allowed: bool) -> Result<()> {
        let socket = self.flow.socket();
        let set = match are_allowed {
            true => socket.allow_fragments(),
            false => socket.forbid_fragments(),
        };
        set.map_err(self.fail(Operation::Configure))
    }

    fn fail(&self, operation: Operation) -> impl Fn(io::Error) -> Error + use<> {
        let endpoint = self.flow.endpoint().clone();
        move |source| Error::socket(operation, &endpoint, source)
    }

    /// Hands the message to the kernel; returns why it does not take it.
    fn send(&mut self) -> Result<Option<Obstacle>> {
        for _ in 0..MAX_READS {
            let error = match self.flow.send(&self.text) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(None);
                }
                // What the path reports about earlier messages comes first.
                Err(Failure::Earlier(queued)) => match self.obstacle_in(&queued) {
                    Some(obstacle) => return Ok(Some(obstacle)),
                    None => continue,
                },
                Err(Failure::Call(error)) => error,
            };
            return match PathError::of(&error) {
                Some(report) => Ok(Some(Obstacle::from_report(report))),
                None if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    Ok(Some(Obstacle::LocalMtu { mtu: None }))
                }
                // As good as lost on the way.
                None if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                None => Err(self.fail(Operation::Send)(error)),
            };
        }
        Ok(None)
    }

    /// Takes what has arrived, up to what decides about this size.
    fn receive(&mut self) -> Result<Option<Reply>> {
        for _ in 0..MAX_READS {
            let reply = match self.flow.receive(&mut self.buffer) {
                Ok(None) => break,
                Ok(Some(length)) => self.judge(length),
                Err(Failure::Earlier(queued)) => self.obstacle_in(&queued).map(Err),
                Err(Failure::Call(error)) => return Err(self.fail(Operation::Receive)(error)),
            };
            if reply.is_some() {
                return Ok(reply);
            }
        }
        Ok(None)
    }

    /// Compares an answer; `None` when it is to an earlier size.
    fn judge(&mut self, length: usize) -> Option<Reply> {
        let now = Instant::now();
        let answer = &self.buffer[..length];
        // An answer that resembles no message still answers some message.
        let named = self.texts.number_of(answer, self.number);
        let number = named.unwrap_or(self.number);
        let Some(index) = number.checked_sub(self.first) else {
            let mut given_up = self.given_up.iter();
            self.late += u64::from(given_up.any(|numbers| numbers.contains(&number)));
            return None;
        };
        self.texts.write(number, &mut self.text);
        self.texts.write_expected(number, &mut self.expected);
        if let Some(problem) = diagnose(&self.text, &self.expected, answer) {
            let diagnosis = Diagnosis::new(problem, answer);
            return Some(Err(Obstacle::WrongAnswer(diagnosis)));
        }
        self.has_passed = true;
        self.answered += 1;
        let sent_at = self.sent_at.get(index as usize).copied().unwrap_or(now);
        Some(Ok(now.saturating_duration_since(sent_at)))
    }

    /// What a report says about this size; `None` when it is about another one.
    ///
    /// It names the message if enough of it came back; RFC 792 asks for no more than the UDP
    /// header. Before the first answer any reason but the size is about every size: a missing
    /// neighbour is reported after three seconds.
    fn obstacle_in(&self, queued: &QueuedError) -> Option<Obstacle> {
        let error = queued.error;
        let is_about_all = self.answered == 0 && error.outcome() != PathOutcome::TooBig;
        let is_about_this = match self.texts.number_of(&queued.excerpt, self.number) {
            Some(number) => number >= self.first,
            None => error
                .mtu
                .is_none_or(|mtu| (mtu as usize) < self.size + self.header),
        };
        (is_about_all || is_about_this).then(|| Obstacle::from_report(error))
    }
}

impl Prober for DatagramProber {
    fn begin(&mut self, size: usize) {
        if !self.has_passed && self.first <= self.number {
            self.given_up.push(self.first..=self.number);
        }
        self.size = size;
        self.texts = ProbeTexts::new(self.nonce, size, None);
        self.first = self.number + 1;
        self.sent_at.clear();
        self.has_passed = false;
    }

    fn attempt(&mut self, wait: Duration, end: &End<'_>) -> Result<Option<Reply>> {
        self.number += 1;
        self.texts.write(self.number, &mut self.text);
        let sent_at = Instant::now();
        self.sent_at.push(sent_at);
        if let Some(obstacle) = self.send()? {
            return Ok(Some(Err(obstacle)));
        }
        let until = sent_at + wait;
        loop {
            let reply = self.receive()?;
            if reply.is_some() {
                return Ok(reply);
            }
            if end.has_come() {
                return Ok(None);
            }
            if until <= Instant::now() {
                return Ok(Some(Err(Obstacle::Silence)));
            }
            let waited = end.wait((self.flow.as_fd(), false), until);
            waited.map_err(self.fail(Operation::Receive))?;
        }
    }

    /// Before the first answer something on the path may still be resolving an address.
    fn spacing(&self, timeout: Duration) -> Duration {
        match self.answered {
            0 => timeout,
            _ => timeout / 3,
        }
    }

    fn source(&self) -> Option<SocketAddr> {
        self.flow.source()
    }

    fn sent_and_late(&self) -> (u64, u64) {
        (self.sent, self.late)
    }
}
