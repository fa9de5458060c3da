//! A flow over datagrams: a connected socket with a source port of its own.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::Socket;

use super::{Flow, Reception, Transmission};
use crate::endpoint::{Endpoint, Family};
use crate::error::{Error, Operation, Result};
use crate::socket::bind::RECEIVE_BUFFER;
use crate::socket::call::{Excerpt, traced};
use crate::socket::{begin_connect, control_message, sys};

/// More than any datagram has, so that none is cut by us.
const BUFFER_SIZE: usize = 1 << 18;

pub(super) struct DatagramFlow {
    endpoint: Endpoint,
    socket: Option<Socket>,
    buffer: Box<[u8]>,
    /// The kernel's count, of the present socket.
    kernel_dropped: u32,
    local_drops: u64,
}

impl DatagramFlow {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            socket: None,
            buffer: vec![0; BUFFER_SIZE].into_boxed_slice(),
            kernel_dropped: 0,
            local_drops: 0,
        }
    }

    /// A Unix socket is connected to the very socket of the server, which does not come back; a
    /// UDP socket to an address, and keeps its source port for whoever serves there next.
    fn forget_unix_socket(&mut self) -> bool {
        let is_unix = self.endpoint.family() == Some(Family::Unix);
        if is_unix {
            self.socket = None;
        }
        is_unix
    }
}

impl Flow for DatagramFlow {
    fn open(&mut self) -> Result<()> {
        if self.socket.is_some() {
            return Ok(());
        }
        let socket = begin_connect(&self.endpoint)?;
        let configured = socket
            .set_recv_buffer_size(RECEIVE_BUFFER)
            .and_then(|()| sys::set_option(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1));
        configured.map_err(|source| Error::socket(Operation::Configure, &self.endpoint, source))?;
        self.kernel_dropped = 0;
        self.socket = Some(socket);
        Ok(())
    }

    fn is_opening(&self) -> bool {
        false
    }

    fn send(&mut self, text: &[u8]) -> Transmission {
        match self.open() {
            Ok(()) => {}
            Err(Error::Refused { .. }) => return Transmission::Refused,
            Err(Error::Socket { source, .. }) => return Transmission::Failed(source),
            Err(error) => return Transmission::Failed(io::Error::other(error.to_string())),
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
                self.forget_unix_socket();
                Transmission::Failed(error)
            }
        }
    }

    fn receive(&mut self, answer: &mut Vec<u8>) -> Reception {
        #[repr(align(8))]
        struct ControlBuffer([u8; control_message::CAPACITY]);
        let mut control = ControlBuffer([0; control_message::CAPACITY]);
        loop {
            let Some(socket) = &self.socket else {
                return Reception::Nothing;
            };
            let result = sys::receive_message(socket.as_fd(), &mut self.buffer, &mut control.0, 0);
            let message = match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Reception::Nothing;
                }
                result => traced(
                    format_args!("recvmsg({})", socket.as_raw_fd()),
                    result,
                    |message| {
                        format!(
                            "{} {}",
                            message.length,
                            Excerpt(&self.buffer[..message.length])
                        )
                    },
                ),
            };
            match message {
                Ok(message) => {
                    let told = control_message::parse(&control.0[..message.control_length]);
                    if let Some(total) = told.kernel_dropped {
                        self.local_drops += u64::from(total.wrapping_sub(self.kernel_dropped));
                        self.kernel_dropped = total;
                    }
                    answer.clear();
                    answer.extend(&self.buffer[..message.length]);
                    return Reception::Answer;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Reception::OneRefused;
                }
                // An ICMP message about the way (unreachable, too big): what it was about shows as
                // lost when its time is up.
                Err(_) => return Reception::Nothing,
            }
        }
    }

    fn interest(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.socket.as_ref().map(|socket| (socket.as_fd(), false))
    }

    fn take_local_drops(&mut self) -> u64 {
        std::mem::take(&mut self.local_drops)
    }
}
