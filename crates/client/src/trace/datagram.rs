//! Rounds over datagrams: one socket, whose TTL rises from probe to probe.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::prober::Prober;
use super::reply::Reply;
use super::round::Round;
use super::settings::Settings;
use crate::ask::diagnosis::diagnose;
use crate::ask::flow::{DatagramFlow, Failure};
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{Address, PathError, PollSet, QueuedError, Stop};

/// The most datagrams and reports that are read before the next probe.
const MAX_READS: usize = 64;

/// The most reports about earlier probes that a send may return first.
const MAX_REPORTS_PER_SEND: usize = 64;

pub(super) struct DatagramProber<'a> {
    flow: DatagramFlow,
    peer: IpAddr,
    texts: &'a ProbeTexts,
    text: Vec<u8>,
    expected: Vec<u8>,
    buffer: Box<[u8]>,
}

impl<'a> DatagramProber<'a> {
    pub(super) fn open(
        target: &Endpoint,
        settings: &Settings,
        texts: &'a ProbeTexts,
    ) -> Result<Self> {
        let address = Address::of(target);
        let address = address.map_err(|it| Error::socket(Operation::Connect, target, it))?;
        let peer = address.as_socket().ok_or(Error::NoAddress)?.ip();
        Ok(Self {
            flow: DatagramFlow::open(target, &settings.connect)?,
            peer,
            texts,
            text: Vec::new(),
            expected: Vec::new(),
            buffer: vec![0; DatagramFlow::BUFFER_SIZE].into_boxed_slice(),
        })
    }

    fn fail(&self, operation: Operation) -> impl Fn(std::io::Error) -> Error {
        let endpoint = self.flow.endpoint().clone();
        move |source| Error::socket(operation, &endpoint, source)
    }

    fn send(&mut self, round: &mut Round, ttl: u8) -> Result<()> {
        let set = self.flow.socket().set_ttl(self.peer, ttl);
        set.map_err(self.fail(Operation::Configure))?;
        self.texts.write(round.number_of(ttl), &mut self.text);
        for _ in 0..MAX_REPORTS_PER_SEND {
            let now = Instant::now();
            match self.flow.send(&self.text) {
                Ok(()) => {
                    round.note_sent(now);
                    return Ok(());
                }
                // The socket returns what the path reports about earlier probes first.
                Err(Failure::Earlier(queued)) => self.take_report(round, &queued, now),
                Err(Failure::Call(error)) => {
                    let report = PathError::of(&error);
                    let report = report.ok_or_else(|| self.fail(Operation::Send)(error))?;
                    round.note_sent(now);
                    round.note_reply(ttl, Reply::Report(report), now);
                    return Ok(());
                }
            }
            if round.number_of(ttl) != round.last_number() + 1 {
                // The round has begun again.
                return Ok(());
            }
        }
        // As good as lost on the way.
        round.note_sent(Instant::now());
        Ok(())
    }

    fn receive(&mut self, round: &mut Round) -> Result<()> {
        for _ in 0..MAX_READS {
            let received = self.flow.receive(&mut self.buffer);
            let now = Instant::now();
            match received {
                Ok(None) => break,
                Ok(Some(length)) => self.take_answer(round, length, now),
                Err(Failure::Earlier(queued)) => self.take_report(round, &queued, now),
                Err(Failure::Call(error)) => return Err(self.fail(Operation::Receive)(error)),
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, round: &mut Round, length: usize, now: Instant) {
        let answer = &self.buffer[..length];
        let ttl = match self.texts.number_of(answer, round.last_number()) {
            Some(named) => round.ttl_of(named),
            None => {
                let outstanding = round.outstanding().map(|ttl| round.number_of(ttl));
                match self.texts.nearest(answer, outstanding) {
                    Some(near) => round.ttl_of(near),
                    // An answer that resembles no text, as an empty one, still answers some probe.
                    None => round.ttl_of_unnamed(),
                }
            }
        };
        let Some(ttl) = ttl else {
            return;
        };
        let number = round.number_of(ttl);
        self.texts.write(number, &mut self.text);
        self.texts.write_expected(number, &mut self.expected);
        let reply = match diagnose(&self.text, &self.expected, answer) {
            None => Reply::Answer,
            Some(problem) => Reply::WrongAnswer(problem),
        };
        round.note_reply(ttl, reply, now);
    }

    /// Finds the probe by what the reporter sent back of it. RFC 792 asks for no more than 8 bytes
    /// behind the IP header, which are those of UDP's: then one probe at a time is sent.
    fn take_report(&mut self, round: &mut Round, queued: &QueuedError, now: Instant) {
        let named = self.texts.number_of(&queued.excerpt, round.last_number());
        let ttl = match named {
            Some(number) => round.ttl_of(number),
            None => round.ttl_of_unnamed(),
        };
        if let Some(ttl) = ttl {
            round.note_reply(ttl, Reply::Report(queued.error), now);
        }
    }
}

impl Prober for DatagramProber<'_> {
    fn run(&mut self, round: &mut Round, until: Option<Instant>, stop: &Stop) -> Result<()> {
        while !stop.is_stopped() {
            self.receive(round)?;
            let now = Instant::now();
            if until.is_some_and(|until| until <= now) {
                break;
            }
            let next = round.next(now);
            if let Some((ttl, _)) = next.filter(|(_, due)| *due <= now) {
                self.send(round, ttl)?;
                continue;
            }
            let wake = match next {
                Some((_, due)) => Some(due),
                None => round.complete_at(now),
            };
            let Some(wake) = wake else {
                break;
            };
            let wake = until.map_or(wake, |until| wake.min(until));
            let mut poll = PollSet::default();
            poll.add(self.flow.as_fd(), true, false);
            poll.add_stop(stop);
            poll.wait(Some(wake.saturating_duration_since(now)))
                .map_err(self.fail(Operation::Receive))?;
        }
        Ok(())
    }

    fn source(&self) -> Option<SocketAddr> {
        self.flow.source()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    /// A report that sends nothing back of the probe.
    fn short_report() -> QueuedError {
        let refused = std::io::Error::from_raw_os_error(libc::ECONNREFUSED);
        PathError::of(&refused).unwrap().into()
    }

    #[test]
    fn reports_that_do_not_name_their_probe_lead_to_one_probe_at_a_time() {
        let target = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = format!("udp://{}", target.local_addr().unwrap());
        let texts = ProbeTexts::new(1, 64, None);
        let (target, settings) = (target.parse().unwrap(), Settings::default());
        let mut prober = DatagramProber::open(&target, &settings, &texts).unwrap();
        let mut round = Round::new(0, 30, Duration::from_secs(60));
        let (report, now) = (short_report(), Instant::now());
        // Of one probe in flight it is clear.
        round.note_sent(now);
        prober.take_report(&mut round, &report, now);
        let reply = Reply::Report(report.error);
        assert_eq!(round.end(), Some((1, reply)));

        let mut round = Round::new(256, 30, Duration::from_secs(60));
        for _ in 0..3 {
            round.note_sent(now);
        }
        prober.take_report(&mut round, &report, now);
        assert_eq!(round.outstanding().count(), 0, "begun again");
        // Whatever comes back for the earlier probes comes before.
        let begin = now + Duration::from_secs(60);
        assert_eq!(round.next(now), Some((1, begin)));
        round.note_sent(now);
        prober.take_report(&mut round, &report, now);
        assert_eq!(round.end(), Some((1, reply)));
        // One that comes when nothing is waited for is left out.
        prober.take_report(&mut round, &report, now);
        assert_eq!(round.end(), Some((1, reply)));
    }
}
