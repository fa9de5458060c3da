//! One way to the endpoint and back: a source port, or a connection.
//!
//! A flow carries texts and answers and knows no numbers; which answer belongs to which probe is
//! told from the answers themselves. No call here waits.

mod datagram;
mod stream;

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::text::ProbeTexts;
use bullhorn_socket::endpoint::{Endpoint, SocketType};
use bullhorn_socket::error::{Error, Result};
use datagram::DatagramFlow;
use stream::StreamFlow;

/// A flow of either type.
pub(super) trait Flow {
    /// Makes the socket and begins to connect, if there is none.
    fn open(&mut self) -> Result<()>;

    /// Whether it is still being connected.
    fn is_opening(&self) -> bool;

    /// Hands a text to the kernel.
    fn send(&mut self, text: &[u8]) -> Transmission;

    /// Replaces `answer` by the next answer that has come. One that has not come whole, but is not
    /// the beginning of a right answer to any of `texts`, is one too, and the last of its connection.
    fn receive(&mut self, texts: &ProbeTexts, answer: &mut Vec<u8>) -> Reception;

    /// What to wait for, and whether also for room to write.
    fn interest(&self) -> Option<(BorrowedFd<'_>, bool)>;

    /// Datagrams that our own kernel dropped, as our receive buffer was full: the number that
    /// SO_RXQ_OVFL and SO_MEMINFO give (socket(7)).
    fn local_drops(&self) -> u64;
}

/// What became of a text.
#[derive(Debug)]
pub(super) enum Transmission {
    /// The kernel has it.
    Taken,
    /// It has not, and told of the refusal of an earlier one instead.
    EarlierRefused,
    /// Nobody is there to take it.
    Refused,
    /// It was not taken.
    Failed(io::Error),
}

impl Transmission {
    /// What becomes of a text whose flow cannot be opened.
    fn without_flow(error: Error) -> Self {
        match error {
            Error::Refused { .. } => Self::Refused,
            Error::Socket { source, .. } => Self::Failed(source),
            error => Self::Failed(io::Error::other(error.to_string())),
        }
    }
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reception {
    /// Nothing more for now.
    Nothing,
    /// An answer.
    Answer,
    /// One text was refused (a datagram flow goes on).
    OneRefused,
    /// The connection was refused, and everything under way is.
    AllRefused,
    /// The connection ended, and everything under way is lost.
    AllLost,
}

/// A flow to `endpoint`, not open yet. A connection that takes longer than `timeout` is tried anew.
pub(super) fn new(endpoint: &Endpoint, timeout: Duration) -> Box<dyn Flow> {
    match endpoint.socket_type() {
        Some(SocketType::Stream) => Box::new(StreamFlow::new(endpoint, timeout)),
        _ => Box::new(DatagramFlow::new(endpoint)),
    }
}
