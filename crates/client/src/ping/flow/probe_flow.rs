//! What the engine needs from a flow of either type.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::answer::AnswerBuffer;
use crate::ping::loss::Loss;
use crate::ping::text::ProbeTexts;
use bullhorn_socket::error::{Error, Result, plain};
use bullhorn_socket::{PathError, QueuedError};

pub(in crate::ping) trait ProbeFlow {
    /// Creates the socket and begins to connect, if there is none.
    fn open(&mut self) -> Result<()>;

    /// The address that it sends from, or has last sent from; `None` for a Unix socket.
    fn source(&self) -> Option<SocketAddr>;

    /// Whether it is still connecting.
    fn is_opening(&self) -> bool;

    /// Hands the text of probe `number` to the kernel, or will as soon as it is connected and has
    /// room.
    fn send(&mut self, number: u64, text: &[u8]) -> Transmission;

    /// Replaces `answer` with the next answer that has arrived. An incomplete one that cannot become
    /// a right answer to any of `texts` counts too, and is the last of its connection.
    fn receive(&mut self, texts: &ProbeTexts, answer: &mut AnswerBuffer) -> Reception;

    /// What to wait for, and whether to wait for room to write too; counted from 0, `None` after the
    /// last.
    fn interest(&self, index: usize) -> Option<(BorrowedFd<'_>, bool)>;

    /// Probe `number` has had its time. Returns why there is no answer, and no longer sends its text.
    fn give_up(&mut self, _number: u64) -> Loss {
        Loss::Timeout
    }

    /// How far the kernel has come with a connection; `None` for datagrams.
    fn progress(&self) -> Option<Progress> {
        None
    }

    /// Datagrams that our own kernel dropped because our receive buffer was full: the number from
    /// SO_RXQ_OVFL and SO_MEMINFO (socket(7)).
    fn local_drops(&self) -> u64;
}

/// How far the kernel has come with what was written to a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ping) struct Progress {
    pub(in crate::ping) is_established: bool,
    /// How many bytes the peer's kernel has not acknowledged.
    pub(in crate::ping) unacknowledged: u32,
    /// How many segments were sent again.
    pub(in crate::ping) retransmissions: u32,
}

/// The result of sending a text.
#[derive(Debug)]
pub(in crate::ping) enum Transmission {
    /// The kernel took it, or will.
    Taken,
    /// The kernel did not take it, and returned what the path reports about an earlier one instead.
    Earlier(QueuedError),
    /// It is lost.
    Lost(Loss),
    /// It is lost with its connection, and with it every text in flight.
    Ended(Loss),
}

impl Transmission {
    /// The result for a text whose flow cannot be opened.
    pub(super) fn without_flow(error: Error) -> Self {
        match error {
            Error::Path { error, .. } => Self::Lost(Loss::Path(error)),
            Error::Socket { source, .. } => Self::failed(&source),
            error => Self::Lost(Loss::Unsent(error.to_string())),
        }
    }

    /// What becomes of a text whose send has failed.
    pub(super) fn failed(error: &io::Error) -> Self {
        Self::Lost(match PathError::of(error) {
            Some(error) => Loss::Path(error),
            None => Loss::Unsent(plain(error)),
        })
    }
}

/// What arrived.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ping) enum Reception {
    /// Nothing more for now.
    Nothing,
    /// An answer.
    Answer,
    /// What the path reports about one text; the flow continues.
    PathError(QueuedError),
    /// The connection of this probe alone was refused, or ended.
    Lost(u64, Loss),
    /// The connection ended, and with it every text in flight.
    Ended(Loss),
}
