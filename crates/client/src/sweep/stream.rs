//! Sizes over a TCP connection, which is kept while they pass: TCP cuts a message into segments by
//! itself, so what is found is the size from which its segments are lost.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::obstacle::Obstacle;
use super::prober::{Prober, Reply};
use super::waiting::End;
use crate::ask::comparison::{Comparison, Verdict};
use crate::ask::diagnosis::{Diagnosis, diagnose};
use crate::ask::filler::nonce;
use crate::ask::flow::StreamFlow;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::lines::Arrival;
use bullhorn_socket::{ConnectOptions, PathError};

/// The maximum segment size of a connection, in bytes without headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mss {
    /// When the first connection was made.
    pub at_connect: u32,
    /// After the last message that passed.
    pub in_force: u32,
    /// The path MTU that the kernel assumed then; `None` where it does not say.
    pub path_mtu: Option<u32>,
}

pub(super) struct StreamProber<'a> {
    endpoint: &'a Endpoint,
    options: &'a ConnectOptions,
    flow: Option<StreamFlow>,
    source: Option<SocketAddr>,
    nonce: u64,
    texts: ProbeTexts,
    text: Vec<u8>,
    /// Of the last message sent.
    number: u64,
    mss: Option<Mss>,
}

impl<'a> StreamProber<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, options: &'a ConnectOptions) -> Self {
        let nonce = nonce();
        Self {
            endpoint,
            options,
            flow: None,
            source: None,
            nonce,
            texts: ProbeTexts::new(nonce, 0, None),
            text: Vec::new(),
            number: 0,
            mss: None,
        }
    }

    pub(super) fn mss(&self) -> Option<Mss> {
        self.mss
    }

    /// Connects, if there is no connection. `None` when `end` comes before.
    fn connect(
        &mut self,
        until: Instant,
        end: &End<'_>,
    ) -> Result<Option<std::result::Result<StreamFlow, Obstacle>>> {
        if let Some(flow) = self.flow.take() {
            return Ok(Some(Ok(flow)));
        }
        let mut flow = match StreamFlow::begin(self.endpoint, self.options) {
            Err(Error::Path { error, .. }) => return Ok(Some(Err(Obstacle::from_report(error)))),
            begun => begun?,
        };
        loop {
            if let Err(error) = flow.write() {
                return Ok(Some(Err(obstacle_of(&error))));
            }
            if flow.is_connected() {
                break;
            }
            if end.has_come() {
                return Ok(None);
            }
            if until <= Instant::now() {
                return Ok(Some(Err(Obstacle::Silence)));
            }
            end.wait(flow.interest(), until).map_err(self.fail())?;
        }
        self.source = flow.source();
        if self.mss.is_none()
            && let Ok(at_connect) = flow.lines.socket().tcp_mss()
        {
            self.mss = Some(Mss {
                at_connect,
                in_force: at_connect,
                path_mtu: flow.lines.socket().path_mtu().ok(),
            });
        }
        Ok(Some(Ok(flow)))
    }

    fn fail(&self) -> impl Fn(io::Error) -> Error + use<> {
        let endpoint = self.endpoint.clone();
        move |source| Error::socket(Operation::Receive, &endpoint, source)
    }

    /// Sends the message and reads its answer; `None` when `end` comes before.
    fn exchange(
        &self,
        flow: &mut StreamFlow,
        until: Instant,
        end: &End<'_>,
    ) -> Result<Option<Reply>> {
        let sent_at = Instant::now();
        let mut comparison = Comparison::with_line(&self.text);
        flow.lines.push(&self.text);
        loop {
            let arrival = flow.write().and_then(|_| flow.read());
            match arrival {
                Err(error) => return Ok(Some(Err(obstacle_of(&error)))),
                Ok(Arrival::End) => return Ok(Some(Err(Obstacle::Closed))),
                Ok(Arrival::Bytes) => {
                    let rest = flow.lines.rest();
                    match comparison.advance(rest) {
                        (_, Verdict::Wrong(_)) => {
                            return Ok(Some(Err(self.wrong(&comparison, rest))));
                        }
                        (_, Verdict::Right) if rest.is_empty() => {}
                        (length, verdict) => {
                            flow.lines.consume(length);
                            if verdict == Verdict::Right {
                                return Ok(Some(Ok(sent_at.elapsed())));
                            }
                        }
                    }
                    continue;
                }
                Ok(Arrival::Nothing) => {}
            }
            if end.has_come() {
                return Ok(None);
            }
            if until <= Instant::now() {
                return Ok(Some(Err(Obstacle::Silence)));
            }
            end.wait(flow.interest(), until).map_err(self.fail())?;
        }
    }

    /// An answer that began right for some bytes, and went on with `rest`.
    fn wrong(&self, comparison: &Comparison, rest: &[u8]) -> Obstacle {
        let expected = comparison.expected();
        let mut answer = comparison.clone().into_matched();
        answer.extend(rest);
        answer.truncate(expected.len());
        let text = [&self.text[..], b"\n"].concat();
        match diagnose(&text, expected, &answer) {
            Some(problem) => Obstacle::WrongAnswer(Diagnosis::new(problem, &answer)),
            None => Obstacle::Silence,
        }
    }
}

fn obstacle_of(error: &io::Error) -> Obstacle {
    PathError::of(error).map_or(Obstacle::Closed, Obstacle::from_report)
}

impl Prober for StreamProber<'_> {
    fn begin(&mut self, size: usize) {
        self.texts = ProbeTexts::new(self.nonce, size, None);
    }

    fn attempt(&mut self, wait: Duration, end: &End<'_>) -> Result<Option<Reply>> {
        let until = Instant::now() + wait;
        let mut flow = match self.connect(until, end)? {
            None => return Ok(None),
            Some(Err(obstacle)) => return Ok(Some(Err(obstacle))),
            Some(Ok(flow)) => flow,
        };
        self.number += 1;
        self.texts.write(self.number, &mut self.text);
        let reply = self.exchange(&mut flow, until, end)?;
        if let Some(Ok(_)) = reply {
            let socket = flow.lines.socket();
            if let (Some(mss), Ok(in_force)) = (&mut self.mss, socket.tcp_mss()) {
                mss.in_force = in_force;
                mss.path_mtu = socket.path_mtu().ok();
            }
            self.flow = Some(flow);
        } else {
            // It would go on to retransmit what is lost.
            let _ = flow.lines.socket().reset_when_closed();
        }
        Ok(reply)
    }

    /// TCP sends again what is lost, and needs the time for it.
    fn spacing(&self, timeout: Duration) -> Duration {
        timeout
    }

    fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    fn sent_and_late(&self) -> (u64, u64) {
        (self.number, 0)
    }
}
