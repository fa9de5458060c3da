//! Why a call on a datagram flow failed: for its own reason, or because the path reports something
//! about a text that was sent before.

use std::io;

use bullhorn_socket::{PathError, QueuedError, Socket};

/// A failed call on a flow.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The call did nothing. The path reports this about a text that was sent earlier.
    Earlier(QueuedError),
    /// The call itself failed; [`PathError::of`] may say more.
    Call(io::Error),
}

impl Failure {
    /// A send that failed. The kernel returns what is queued first, before it looks at the text.
    pub(super) fn of_send(socket: &Socket, error: io::Error) -> Self {
        if matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        ) {
            return Self::Call(error);
        }
        match socket.take_path_error() {
            // Without a sender it is our own kernel's, about this text.
            Some(queued) if queued.error.sender.is_some() && is_of(&queued, &error) => {
                Self::Earlier(queued)
            }
            Some(queued) if is_of(&queued, &error) => {
                Self::Call(io::Error::new(error.kind(), queued.error))
            }
            // The queue has no room for everything, and other kernels have none.
            None if error.kind() == io::ErrorKind::ConnectionRefused && !socket.is_unix() => {
                Self::of_number(error)
            }
            _ => Self::Call(error),
        }
    }

    /// A receive that failed, which always is about a text sent earlier, if about any.
    pub(super) fn of_receive(socket: &Socket, error: io::Error) -> Self {
        match socket.take_path_error() {
            Some(queued) => Self::Earlier(queued),
            None => Self::of_number(error),
        }
    }

    fn of_number(error: io::Error) -> Self {
        match PathError::of(&error) {
            Some(error) => Self::Earlier(error.into()),
            None => Self::Call(error),
        }
    }
}

fn is_of(queued: &QueuedError, error: &io::Error) -> bool {
    error.raw_os_error() == Some(queued.error.errno)
}
