//! A flow over datagrams: a connected socket with a source port of its own.

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::Socket;

use super::{Flow, Reception, Transmission};
use crate::ping::text::ProbeTexts;
use bullhorn_socket::bound::RECEIVE_BUFFER;
use bullhorn_socket::call::{Excerpt, traced};
use bullhorn_socket::endpoint::{Endpoint, Family};
use bullhorn_socket::error::{Error, Operation, Result};
use bullhorn_socket::{connect::begin_connect, sys};

/// More than any datagram has, so that none is cut by us.
const BUFFER_SIZE: usize = 1 << 18;

pub(super) struct DatagramFlow {
    endpoint: Endpoint,
    socket: Option<Socket>,
    buffer: Box<[u8]>,
    /// Of the sockets before this one.
    earlier_drops: u64,
}

impl DatagramFlow {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            socket: None,
            buffer: vec![0; BUFFER_SIZE].into_boxed_slice(),
            earlier_drops: 0,
        }
    }

    /// A Unix socket is connected to the very socket of the server, which does not come back; a
    /// UDP socket to an address, and keeps its source port for whoever serves there next.
    fn forget_unix_socket(&mut self) -> bool {
        let is_unix = self.endpoint.family() == Some(Family::Unix);
        if is_unix && let Some(socket) = self.socket.take() {
            self.earlier_drops += drops_of(&socket);
        }
        is_unix
    }
}

impl Flow for DatagramFlow {
    fn open(&mut self) -> Result<()> {
        if self.socket.is_some() {
            return Ok(());
        }
        let (socket, _) = begin_connect(&self.endpoint)?;
        let configured = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        configured.map_err(|source| Error::socket(Operation::Configure, &self.endpoint, source))?;
        self.socket = Some(socket);
        Ok(())
    }

    fn is_opening(&self) -> bool {
        false
    }

    fn send(&mut self, text: &[u8]) -> Transmission {
        if let Err(error) = self.open() {
            return Transmission::without_flow(error);
        }
        let Some(socket) = &self.socket else {
            return Transmission::Failed(io::ErrorKind::NotConnected.into());
        };
        let call = format_args!("send({}, {})", socket.as_raw_fd(), Excerpt(text));
        match traced(call, socket.send(text), |sent| *sent) {
            Ok(_) => Transmission::Taken,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                if self.forget_unix_socket() {
                    Transmission::Refused
                } else {
                    Transmission::EarlierRefused
                }
            }
            Err(error) => {
                if ends_connection(&error) {
                    self.forget_unix_socket();
                }
                Transmission::Failed(error)
            }
        }
    }

    fn receive(&mut self, _: &ProbeTexts, answer: &mut Vec<u8>) -> Reception {
        let Some(socket) = &self.socket else {
            return Reception::Nothing;
        };
        let result = loop {
            match (&*socket).read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Reception::Nothing;
                }
                result => break result,
            }
        };
        let call = format_args!("recv({})", socket.as_raw_fd());
        let result = traced(call, result, |length| {
            format!("{length} {}", Excerpt(&self.buffer[..*length]))
        });
        match result {
            Ok(length) => {
                answer.clear();
                answer.extend(&self.buffer[..length]);
                Reception::Answer
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Reception::OneRefused,
            // An ICMP message about the way (unreachable, too big): what it was about shows as lost
            // when its time is up.
            Err(_) => Reception::Nothing,
        }
    }

    fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.socket.as_ref().map(|socket| (socket.as_fd(), false))
    }

    fn local_drops(&self) -> u64 {
        self.earlier_drops + self.socket.as_ref().map_or(0, drops_of)
    }
}

/// Whether nobody is at the other end any more. All other errors befall one text: a full queue has
/// room again soon, and answers to earlier texts are still to come to this very socket.
fn ends_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// A kernel that does not know the question has nothing to tell.
fn drops_of(socket: &Socket) -> u64 {
    sys::dropped_datagrams(socket).map_or(0, u64::from)
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
        let mut flow = DatagramFlow::new(&endpoint.parse().unwrap());
        let texts = ProbeTexts::new(1, 0, None);
        let mut queued = 0;
        while matches!(flow.send(b"text"), Transmission::Taken) {
            queued += 1;
        }
        for _ in 0..queued {
            let (_, client) = server.recv_from(&mut [0; 8]).unwrap();
            server.send_to_addr(b"TEXT", &client).unwrap();
            let mut answer = Vec::new();
            assert!(matches!(
                flow.receive(&texts, &mut answer),
                Reception::Answer
            ));
            assert_eq!(answer, b"TEXT");
        }
        assert!(queued > 0);
        assert!(matches!(flow.send(b"text"), Transmission::Taken));
    }
}
