//! Rounds over TCP: for each TTL a connection attempt from the same port, one after the other, as a
//! report ends an attempt. A connection is asked one text, which must be answered.

use std::net::SocketAddr;
use std::time::Instant;

use super::prober::Prober;
use super::reply::Reply;
use super::round::Round;
use super::settings::Settings;
use crate::ask::diagnosis::diagnose;
use crate::ask::flow::StreamFlow;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::lines::Arrival;
use bullhorn_socket::{ConnectOptions, PathError, PollSet, Stop};

pub(super) struct StreamProber<'a> {
    target: Endpoint,
    /// With the port of the first attempt, for all of them.
    options: ConnectOptions,
    texts: &'a ProbeTexts,
    text: Vec<u8>,
    expected: Vec<u8>,
}

impl<'a> StreamProber<'a> {
    pub(super) fn new(target: &Endpoint, settings: &Settings, texts: &'a ProbeTexts) -> Self {
        Self {
            target: target.clone(),
            options: settings.connect.clone(),
            texts,
            text: Vec::new(),
            expected: Vec::new(),
        }
    }

    /// Sends the probe for `ttl` and waits for its reply.
    fn probe(
        &mut self,
        round: &mut Round,
        ttl: u8,
        until: Option<Instant>,
        stop: &Stop,
    ) -> Result<()> {
        let number = round.number_of(ttl);
        self.texts.write(number, &mut self.text);
        self.texts.write_expected(number, &mut self.expected);
        self.options.ttl = Some(ttl);
        let now = Instant::now();
        round.note_sent(now);
        let end = round.latest_overdue_at(now).unwrap_or(now);
        let end = until.map_or(end, |until| until.min(end));
        let mut flow = match StreamFlow::begin(&self.target, &self.options) {
            Ok(flow) => flow,
            Err(Error::Path { error, .. }) => {
                round.note_reply(ttl, Reply::Report(error), Instant::now());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if let Some(source) = flow.source() {
            self.options.source = Some(source);
        }
        let fail = |source| Error::socket(Operation::Configure, &self.target, source);
        flow.lines.socket().reset_when_closed().map_err(fail)?;
        flow.lines.push(&self.text);
        let mut connected = None;
        while !stop.is_stopped() {
            let reply = self.advance(&mut flow)?;
            let now = Instant::now();
            if flow.is_connected() {
                connected.get_or_insert(now);
            }
            if let Some(reply) = reply {
                // The round trip is that of the path alone.
                round.note_reply(ttl, reply, connected.unwrap_or(now));
                return Ok(());
            }
            if now >= end {
                break;
            }
            let mut poll = PollSet::default();
            let (descriptor, to_write) = flow.interest();
            poll.add(descriptor, true, to_write);
            poll.add_stop(stop);
            let waited = poll.wait(Some(end.saturating_duration_since(now)));
            waited.map_err(|source| Error::socket(Operation::Receive, &self.target, source))?;
        }
        if let Some(connected) = connected {
            round.note_reply(ttl, Reply::NoAnswer, connected);
        }
        Ok(())
    }

    /// What has come back by now.
    fn advance(&self, flow: &mut StreamFlow) -> Result<Option<Reply>> {
        let arrival = flow.write().and_then(|_| flow.read());
        let arrival = match arrival {
            Ok(arrival) => arrival,
            Err(_) if flow.is_connected() => return Ok(Some(Reply::NoAnswer)),
            Err(error) => {
                let report = PathError::of(&error);
                let failed = || Error::socket(Operation::Connect, &self.target, error);
                return Ok(Some(Reply::Report(report.ok_or_else(failed)?)));
            }
        };
        if let Some(answer) = flow.lines.take(self.texts.line_ends()) {
            let problem = diagnose(&self.text, &self.expected, answer);
            return Ok(Some(problem.map_or(Reply::Answer, Reply::WrongAnswer)));
        }
        Ok((arrival == Arrival::End).then_some(Reply::NoAnswer))
    }
}

impl Prober for StreamProber<'_> {
    fn run(&mut self, round: &mut Round, until: Option<Instant>, stop: &Stop) -> Result<()> {
        while let Some((ttl, _)) = round.next(Instant::now()) {
            let now = Instant::now();
            if stop.is_stopped() || until.is_some_and(|until| until <= now) {
                break;
            }
            self.probe(round, ttl, until, stop)?;
        }
        Ok(())
    }

    fn source(&self) -> Option<SocketAddr> {
        self.options.source
    }
}
