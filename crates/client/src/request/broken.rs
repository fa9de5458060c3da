//! Why a connection carries no further answer.

use std::io;
use std::time::Instant;

use super::flow::whole_milliseconds;
use bullhorn_socket::endpoint::Endpoint;
use bullhorn_socket::error::{Error, Operation, is_disconnect};

/// Why a connection carries no further answer.
pub(super) enum Broken {
    /// Nothing, or too little, has arrived since then.
    Silent(Instant),
    Closed,
    Failed(io::Error),
    /// The first line has its answer, a wrong one without an end.
    OutOfStep,
}

impl Broken {
    /// The outcome of the first line.
    pub(super) fn into_error(self, endpoint: &Endpoint) -> Option<Error> {
        Some(match self {
            Self::OutOfStep => return None,
            Self::Silent(since) => Error::NoAnswer {
                endpoint: endpoint.clone(),
                tries: 1,
                waited: whole_milliseconds(since.elapsed()),
            },
            Self::Failed(error) if !is_disconnect(&error) => {
                Error::socket(Operation::Receive, endpoint, error)
            }
            Self::Failed(_) | Self::Closed => Error::Closed {
                endpoint: endpoint.clone(),
            },
        })
    }
}
