//! The service: bound sockets, the workers that answer on them, and their totals.
//!
//! [`ServerBuilder`] collects the options (`options`), [`BoundServer`] has the sockets, and [`Server`]
//! answers until it is stopped. Datagrams are answered on plain threads (`datagram`, with the answers
//! themselves made in `answer`, what is kept from abuse in [`guard`], and a bad network on request in
//! [`impair`]), connections in `streams`. Totals are in [`stats`]; a [`Monitor`] is for whoever wants them, and
//! to know whether all workers are alive, from another thread. Nothing here reads arguments or prints.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic where nobody reads.

mod answer;
mod bound;
mod builder;
mod datagram;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod guard;
pub mod impair;
mod kernel_drops;
mod monitor;
mod options;
mod pulse;
mod receive_errors;
mod running;
mod seldom;
pub mod stats;
mod streams;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use bound::BoundServer;
pub use builder::ServerBuilder;
pub use impair::Impairment;
pub use monitor::Monitor;
pub use options::{Backend, DatagramOptions, GuardOptions, StreamLimits};
pub use running::{AbortHandle, Server};
pub use streams::accept_failure;

/// How long a stopping server goes on answering what it has received.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
