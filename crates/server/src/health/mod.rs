//! Whether a server is healthy: all its workers run, and no socket is left unread.

mod stall;
mod workers;

pub(super) use stall::Stall;
pub(super) use workers::{WorkerGuard, Workers};
