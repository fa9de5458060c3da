//! Whether a server answers as it should: all its workers run, and no socket is left unread.

mod stall;
mod workers;

pub(super) use stall::Stall;
pub(super) use workers::{WorkerGuard, Workers};
