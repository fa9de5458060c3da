//! Probes over datagrams.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::{io, mem};

use super::answer::AnswerBuffer;
use super::probe_flow::{ProbeFlow, Reception, Transmission};
use crate::ask::flow::{DatagramFlow, Failure};
use crate::ping::loss::Loss;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::{Endpoint, Family};
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{ConnectOptions, RECEIVE_BUFFER};

/// Why a text that waited for room was not sent.
const NO_ROOM: &str = "the queue of the server, or our own, stayed full";

/// Whether a text was sent, or there was no room for it; `Err` is what became of it otherwise.
type Sent = std::result::Result<bool, Transmission>;

pub(super) struct DatagramProbes {
    endpoint: Endpoint,
    options: ConnectOptions,
    flow: Option<DatagramFlow>,
    /// The probes that wait for room: the server's queue, or our own, is full. In order.
    waiting: VecDeque<u64>,
    text: Vec<u8>,
    /// Of the sockets before this one.
    earlier_drops: u64,
}

impl DatagramProbes {
    pub(super) fn new(endpoint: &Endpoint, options: &ConnectOptions) -> Self {
        Self {
            endpoint: endpoint.clone(),
            options: options.clone(),
            flow: None,
            waiting: VecDeque::new(),
            text: Vec::new(),
            earlier_drops: 0,
        }
    }

    /// A Unix socket is connected to one particular socket of the server, which does not come back.
    /// A UDP socket is connected to an address, and keeps its source port for the next server
    /// there.
    fn close_unix_socket(&mut self) {
        if self.endpoint.family() == Some(Family::Unix)
            && let Some(flow) = self.flow.take()
        {
            self.earlier_drops += drops_of(&flow);
        }
    }

    /// Sends a text, or nothing while there is no room.
    fn send_now(&mut self, text: &[u8]) -> Sent {
        let Some(flow) = &mut self.flow else {
            return Err(Transmission::failed(&io::ErrorKind::NotConnected.into()));
        };
        match flow.send(text) {
            Ok(()) => Ok(true),
            Err(Failure::Earlier(queued)) => Err(Transmission::Earlier(queued)),
            Err(Failure::Call(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(Failure::Call(error)) => {
                if ends_connection(&error) {
                    self.close_unix_socket();
                }
                Err(Transmission::failed(&error))
            }
        }
    }

    /// Sends what waits, as long as there is room. Returns what failed.
    fn send_waiting(&mut self, texts: &ProbeTexts) -> Option<Reception> {
        while let Some(&number) = self.waiting.front() {
            let mut text = mem::take(&mut self.text);
            texts.write(number, &mut text);
            let sent = self.send_now(&text);
            self.text = text;
            match sent {
                Ok(false) => return None,
                Err(Transmission::Earlier(queued)) => return Some(Reception::PathError(queued)),
                Ok(true) | Err(Transmission::Taken) => self.waiting.pop_front(),
                Err(Transmission::Lost(loss) | Transmission::Ended(loss)) => {
                    self.waiting.pop_front();
                    return Some(Reception::Lost(number, loss));
                }
            };
        }
        None
    }
}

impl ProbeFlow for DatagramProbes {
    fn open(&mut self) -> Result<()> {
        if self.flow.is_some() {
            return Ok(());
        }
        let flow = DatagramFlow::open(&self.endpoint, &self.options)?;
        let configured = flow.socket().set_recv_buffer_size(RECEIVE_BUFFER);
        configured.map_err(|source| Error::socket(Operation::Configure, &self.endpoint, source))?;
        self.flow = Some(flow);
        Ok(())
    }

    fn source(&self) -> Option<SocketAddr> {
        self.flow.as_ref()?.source()
    }

    fn is_opening(&self) -> bool {
        false
    }

    fn send(&mut self, number: u64, text: &[u8]) -> Transmission {
        if let Err(error) = self.open() {
            return Transmission::without_flow(error);
        }
        let has_room = self.waiting.is_empty();
        match has_room.then(|| self.send_now(text)) {
            Some(Ok(true)) => Transmission::Taken,
            Some(Err(failed)) => failed,
            Some(Ok(false)) | None => {
                self.waiting.push_back(number);
                Transmission::Taken
            }
        }
    }

    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception {
        if let Some(failed) = self.send_waiting(texts) {
            return failed;
        }
        let Some(flow) = &self.flow else {
            return Reception::Nothing;
        };
        match answer.receive(flow) {
            Ok(true) => Reception::Answer,
            Err(Failure::Earlier(queued)) => Reception::PathError(queued),
            Ok(false) | Err(Failure::Call(_)) => Reception::Nothing,
        }
    }

    fn interest(&self, index: usize) -> Option<(BorrowedFd<'_>, bool)> {
        let flow = self.flow.as_ref().filter(|_| index == 0);
        flow.map(|flow| (flow.as_fd(), !self.waiting.is_empty()))
    }

    fn give_up(&mut self, number: u64) -> Loss {
        match self.waiting.iter().position(|it| *it == number) {
            Some(index) => {
                self.waiting.remove(index);
                Loss::Unsent(NO_ROOM.to_owned())
            }
            None => Loss::Timeout,
        }
    }

    fn local_drops(&self) -> u64 {
        self.earlier_drops + self.flow.as_ref().map_or(0, drops_of)
    }
}

/// Whether the other end is gone. All other errors concern one text: a full queue soon has room
/// again, and answers to earlier texts still arrive at this socket.
fn ends_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected
    )
}

/// 0 where the kernel does not count them.
fn drops_of(flow: &DatagramFlow) -> u64 {
    flow.socket().dropped_datagrams().map_or(0, u64::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::ask::comparison::capitals;

    #[test]
    fn texts_wait_for_room_in_the_servers_queue() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server");
        let server = UnixDatagram::bind(&path).unwrap();
        let endpoint = format!("unixgram:{}", path.display());
        let mut flow = DatagramProbes::new(&endpoint.parse().unwrap(), &ConnectOptions::default());
        let texts = ProbeTexts::new(32, 0, None);
        let mut text = Vec::new();
        let mut sent = 0;
        while flow.waiting.len() < 3 {
            sent += 1;
            texts.write(sent, &mut text);
            assert!(matches!(flow.send(sent, &text), Transmission::Taken));
        }
        assert!(flow.interest(0).unwrap().1);
        assert!(matches!(flow.give_up(sent - 1), Loss::Unsent(_)));
        assert!(matches!(flow.give_up(1), Loss::Timeout));
        let mut answer = AnswerBuffer::default();
        let mut buffer = [0; 64];
        for number in (1..=sent).filter(|number| *number != sent - 1) {
            let (length, client) = server.recv_from(&mut buffer).unwrap();
            texts.write(number, &mut text);
            assert_eq!(buffer[..length], text);
            server.send_to_addr(&capitals(&text), &client).unwrap();
            assert!(matches!(
                flow.receive(&texts, &mut answer),
                Reception::Answer
            ));
            assert!(texts.is_right(number, answer.as_slice()));
        }
        assert!(!flow.interest(0).unwrap().1);
    }
}
