//! Probes over a connection that keeps message boundaries: each text and each answer is a message.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::answer::AnswerBuffer;
use super::probe_flow::{ProbeFlow, Reception, Transmission};
use crate::ask::flow::{DatagramFlow, Failure};
use crate::ping::loss::Loss;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::Result;
use bullhorn_socket::{ConnectOptions, PathError};

/// The most texts that wait for the connection, or for room.
const MAX_UNSENT: usize = 64;

pub(super) struct PacketProbes {
    endpoint: Endpoint,
    options: ConnectOptions,
    connection: Option<Connection>,
}

struct Connection {
    flow: DatagramFlow,
    /// Texts to send once it is made and has room.
    unsent: VecDeque<Vec<u8>>,
    /// How it ended; reported after the last answer.
    ended: Option<Loss>,
}

impl PacketProbes {
    pub(super) fn new(endpoint: &Endpoint, options: &ConnectOptions) -> Self {
        Self {
            endpoint: endpoint.clone(),
            options: options.clone(),
            connection: None,
        }
    }
}

impl ProbeFlow for PacketProbes {
    fn open(&mut self) -> Result<()> {
        if self.connection.is_none() {
            self.connection = Some(Connection {
                flow: DatagramFlow::open(&self.endpoint, &self.options)?,
                unsent: VecDeque::new(),
                ended: None,
            });
        }
        Ok(())
    }

    fn source(&self) -> Option<SocketAddr> {
        None
    }

    fn is_opening(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(|connection| connection.flow.is_opening())
    }

    fn send(&mut self, _: u64, text: &[u8]) -> Transmission {
        if let Err(error) = self.open() {
            return Transmission::without_flow(error);
        }
        match &mut self.connection {
            Some(connection) => connection.send(text),
            None => Transmission::failed(&io::ErrorKind::NotConnected.into()),
        }
    }

    fn receive(&mut self, _: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception {
        let Some(connection) = &mut self.connection else {
            return Reception::Nothing;
        };
        connection.advance();
        match answer.receive(&connection.flow) {
            Ok(true) => return Reception::Answer,
            Ok(false) => {}
            Err(Failure::Earlier(queued)) => return Reception::PathError(queued),
            Err(Failure::Call(error)) => connection.end(&error),
        }
        match connection.ended.take() {
            Some(ended) => {
                self.connection = None;
                Reception::Ended(ended)
            }
            None => Reception::Nothing,
        }
    }

    fn interest(&self, index: usize) -> Option<(BorrowedFd<'_>, bool)> {
        let connection = self.connection.as_ref().filter(|_| index == 0);
        connection.map(|connection| {
            let to_write = !connection.unsent.is_empty();
            (connection.flow.as_fd(), to_write)
        })
    }

    fn local_drops(&self) -> u64 {
        0
    }
}

impl Connection {
    fn send(&mut self, text: &[u8]) -> Transmission {
        if self.unsent.len() == MAX_UNSENT {
            return Transmission::failed(&io::Error::other("the peer does not read"));
        }
        self.unsent.push_back(text.to_vec());
        self.advance();
        Transmission::Taken
    }

    /// Continues to connect, and sends what waited for that or for room. Where the connection has
    /// ended, the texts in flight are lost together, after the answers that have come.
    fn advance(&mut self) {
        if let Err(error) = self.flow.advance() {
            self.end(&error);
        }
        while self.ended.is_none()
            && let Some(text) = self.unsent.front()
        {
            match self.flow.send(text) {
                Err(Failure::Call(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(Failure::Call(error)) => self.end(&error),
                Ok(()) | Err(Failure::Earlier(_)) => {
                    self.unsent.pop_front();
                }
            }
        }
    }

    fn end(&mut self, error: &io::Error) {
        let loss = PathError::of(error).map_or(Loss::Closed, Loss::Path);
        self.ended.get_or_insert(loss);
    }
}
