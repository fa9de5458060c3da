//! Elsewhere than on Linux, connecting to a Unix listener with a full backlog fails (ECONNREFUSED;
//! connect(2)), so that nothing is waited for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::endpoint::Family;

/// What is never waited for.
#[derive(Debug)]
pub(super) enum Retry {}

impl Retry {
    pub(super) fn is_needed(_: &io::Error, _: Option<Family>) -> bool {
        false
    }

    pub(super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn start(&self) -> io::Result<()> {
        match *self {}
    }
}

impl AsFd for Retry {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}
