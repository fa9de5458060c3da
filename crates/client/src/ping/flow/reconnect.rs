//! A connection for each probe, closed after its answer: every probe finds out whether new
//! connections are taken.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::answer::{AnswerBuffer, ProbeConnection};
use super::packet::PacketProbes;
use super::probe_flow::{ProbeFlow, Reception, Transmission};
use super::stream::StreamProbes;
use crate::ping::loss::Loss;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::ConnectOptions;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::Result;

/// A connection is kept for a late answer until its probe is this many timeouts old.
const MAX_AGE_TIMEOUTS: u32 = 2;

pub(super) struct ReconnectingProbes {
    endpoint: Endpoint,
    options: ConnectOptions,
    timeout: Duration,
    /// Of the latest connection.
    source: Option<SocketAddr>,
    /// The oldest first.
    probes: Vec<Probe>,
}

/// A probe in flight on its own connection.
struct Probe {
    number: u64,
    begun: Instant,
    /// `None` until the connection is made.
    connect_time: Option<Duration>,
    connection: Box<dyn ProbeFlow>,
    is_answered: bool,
}

impl ReconnectingProbes {
    pub(super) fn new(endpoint: &Endpoint, options: &ConnectOptions, timeout: Duration) -> Self {
        Self {
            endpoint: endpoint.clone(),
            options: options.clone(),
            timeout,
            source: None,
            probes: Vec::new(),
        }
    }
}

impl ReconnectingProbes {
    /// A connection for one probe.
    fn connection(&self) -> Box<dyn ProbeFlow> {
        let (endpoint, options) = (&self.endpoint, &self.options);
        match endpoint.socket_type() {
            Some(SocketType::SeqPacket) => Box::new(PacketProbes::new(endpoint, options)),
            _ => Box::new(StreamProbes::new(endpoint, options, self.timeout)),
        }
    }
}

impl ProbeFlow for ReconnectingProbes {
    /// Connecting is what the probes measure, so nothing is opened before them.
    fn open(&mut self) -> Result<()> {
        Ok(())
    }

    fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    fn is_opening(&self) -> bool {
        false
    }

    fn send(&mut self, number: u64, text: &[u8]) -> Transmission {
        let max_age = self.timeout.saturating_mul(MAX_AGE_TIMEOUTS);
        self.probes.retain(|probe| probe.begun.elapsed() < max_age);
        let mut probe = Probe {
            number,
            begun: Instant::now(),
            connect_time: None,
            connection: self.connection(),
            is_answered: false,
        };
        if let Err(error) = probe.connection.open() {
            return Transmission::without_flow(error);
        }
        probe.note_connected(Instant::now());
        self.source = probe.connection.source();
        match probe.connection.send(number, text) {
            Transmission::Taken => self.probes.push(probe),
            Transmission::Ended(loss) => return Transmission::Lost(loss),
            transmission => return transmission,
        }
        Transmission::Taken
    }

    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception {
        let mut index = 0;
        while let Some(probe) = self.probes.get_mut(index) {
            match probe.receive(texts, answer) {
                Reception::Nothing if !probe.is_answered => index += 1,
                Reception::Answer => return Reception::Answer,
                ended => {
                    let probe = self.probes.remove(index);
                    let loss = match ended {
                        Reception::Ended(loss) => loss,
                        _ => Loss::Closed,
                    };
                    if !probe.is_answered {
                        return Reception::Lost(probe.number, loss);
                    }
                }
            }
        }
        Reception::Nothing
    }

    fn interest(&self, index: usize) -> Option<(BorrowedFd<'_>, bool)> {
        self.probes.get(index)?.connection.interest(0)
    }

    fn give_up(&mut self, number: u64) -> Loss {
        let mut probes = self.probes.iter();
        match probes.find(|probe| probe.number == number) {
            Some(probe) if probe.connect_time.is_none() => Loss::NotConnected,
            _ => Loss::Timeout,
        }
    }

    fn local_drops(&self) -> u64 {
        0
    }
}

impl Probe {
    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception {
        let now = Instant::now();
        let reception = self.connection.receive(texts, answer);
        self.note_connected(now);
        if let (Reception::Answer, Some(connect_time)) = (&reception, self.connect_time) {
            self.is_answered = true;
            answer.set_connection(ProbeConnection {
                number: self.number,
                connect_time,
            });
        }
        reception
    }

    fn note_connected(&mut self, now: Instant) {
        if self.connect_time.is_none() && !self.connection.is_opening() {
            self.connect_time = Some(now.saturating_duration_since(self.begun));
        }
    }
}
