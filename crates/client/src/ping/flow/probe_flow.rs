//! What the engine needs from a flow of either type.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::answer::AnswerBuffer;
use crate::ping::loss::Loss;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::error::{Error, Result};

pub(in crate::ping) trait ProbeFlow {
    /// Creates the socket and begins to connect, if there is none.
    fn open(&mut self) -> Result<()>;

    /// The address that it sends from, or has last sent from; `None` for a Unix socket.
    fn source(&self) -> Option<SocketAddr>;

    /// Whether it is still connecting.
    fn is_opening(&self) -> bool;

    /// Hands the text of probe `number` to the kernel, or will as soon as it is connected.
    fn send(&mut self, number: u64, text: &[u8]) -> Transmission;

    /// Replaces `answer` with the next answer that has arrived. An incomplete one that cannot become
    /// a right answer to any of `texts` counts too, and is the last of its connection.
    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception;

    /// What to wait for, and whether to wait for room to write too; counted from 0, `None` after the
    /// last.
    fn interest(&self, index: usize) -> Option<(BorrowedFd<'_>, bool)>;

    /// Whether the connection that probe `number` alone waits for has not been made.
    fn is_connecting(&self, _number: u64) -> bool {
        false
    }

    /// Datagrams that our own kernel dropped because our receive buffer was full: the number from
    /// SO_RXQ_OVFL and SO_MEMINFO (socket(7)).
    fn local_drops(&self) -> u64;
}

/// The result of sending a text.
#[derive(Debug)]
pub(in crate::ping) enum Transmission {
    /// The kernel took it.
    Taken,
    /// The kernel did not take it, and reported the refusal of an earlier one instead.
    EarlierRefused,
    /// Nothing is listening there.
    Refused,
    /// The kernel did not take it.
    Failed(io::Error),
}

impl Transmission {
    /// The result for a text whose flow cannot be opened.
    pub(super) fn without_flow(error: Error) -> Self {
        match error {
            Error::Refused { .. } => Self::Refused,
            Error::Socket { source, .. } => Self::Failed(source),
            error => Self::Failed(io::Error::other(error.to_string())),
        }
    }
}

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ping) enum Reception {
    /// Nothing more for now.
    Nothing,
    /// An answer.
    Answer,
    /// One text was refused; a datagram flow continues.
    OneRefused,
    /// The connection of this probe alone was refused, or ended.
    Lost(u64, Loss),
    /// The connection was refused, and with it every text in flight.
    AllRefused,
    /// The connection ended, and every text in flight is lost.
    AllLost,
}
