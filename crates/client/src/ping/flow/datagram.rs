//! Probes over datagrams.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::answer::AnswerBuffer;
use super::probe_flow::{ProbeFlow, Reception, Transmission};
use crate::ask::flow::{DatagramFlow, Failure};
use crate::ping::text::ProbeTexts;
use bullhorn_socket::endpoint::{Endpoint, Family};
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{ConnectOptions, RECEIVE_BUFFER};

pub(super) struct DatagramProbes {
    endpoint: Endpoint,
    options: ConnectOptions,
    flow: Option<DatagramFlow>,
    /// Of the sockets before this one.
    earlier_drops: u64,
}

impl DatagramProbes {
    pub(super) fn new(endpoint: &Endpoint, options: &ConnectOptions) -> Self {
        Self {
            endpoint: endpoint.clone(),
            options: options.clone(),
            flow: None,
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

    fn send(&mut self, _: u64, text: &[u8]) -> Transmission {
        if let Err(error) = self.open() {
            return Transmission::without_flow(error);
        }
        let Some(flow) = &self.flow else {
            return Transmission::failed(&io::ErrorKind::NotConnected.into());
        };
        match flow.send(text) {
            Ok(()) => Transmission::Taken,
            Err(Failure::Earlier(queued)) => Transmission::Earlier(queued),
            Err(Failure::Call(error)) => {
                if ends_connection(&error) {
                    self.close_unix_socket();
                }
                Transmission::failed(&error)
            }
        }
    }

    fn receive(&mut self, _: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception {
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
        flow.map(|flow| (flow.as_fd(), false))
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

    #[test]
    fn a_full_queue_costs_one_text_and_not_the_answers_to_those_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server");
        let server = UnixDatagram::bind(&path).unwrap();
        let endpoint = format!("unixgram:{}", path.display());
        let mut flow = DatagramProbes::new(&endpoint.parse().unwrap(), &ConnectOptions::default());
        let texts = ProbeTexts::new(1, 0, None);
        let mut queued = 0;
        while matches!(flow.send(1, b"text"), Transmission::Taken) {
            queued += 1;
        }
        for _ in 0..queued {
            let (_, client) = server.recv_from(&mut [0; 8]).unwrap();
            server.send_to_addr(b"TEXT", &client).unwrap();
            let mut answer = AnswerBuffer::default();
            assert!(matches!(
                flow.receive(&texts, &mut answer),
                Reception::Answer
            ));
            assert_eq!(answer.as_slice(), b"TEXT");
        }
        assert!(queued > 0);
        assert!(matches!(flow.send(2, b"text"), Transmission::Taken));
    }
}
