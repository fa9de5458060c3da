//! The service: bound sockets, the workers that answer on them, and their totals.
//!
//! A [`ServerBuilder`] collects the options (`options`), a [`BoundServer`] has the sockets, and a
//! [`Server`] answers until it is stopped. Datagrams are answered on plain threads (`datagrams`),
//! protected against abuse by the `guard`, and on request sent through a simulated bad network
//! (`impair`). Connections are in `streams`. `peers` lists the most recent sources on request. `threads`
//! starts and stops everything, `health` notices what has failed, `log_throttle` keeps the log short.
//! Totals are in [`stats`]; a [`Monitor`] reads them from another thread. Nothing here reads arguments
//! or prints.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the output is closed.

mod bound;
mod builder;
mod counters;
mod datagrams;
mod draining;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod health;
mod impair;
mod log_throttle;
mod monitor;
mod options;
mod peers;
mod server;
pub mod stats;
mod streams;
mod threads;

pub use bound::BoundServer;
pub use builder::ServerBuilder;
pub use draining::{AbortHandle, DRAIN_TIMEOUT};
pub use guard::{
    DEFAULT_RATE, GuardOptions, Network, ParseNetworkError, ParseRateLimitError, Prefix, RateLimit,
};
pub use impair::{Impairment, ParseImpairmentError, Rate, Spread};
pub use monitor::Monitor;
pub use options::{Backend, DatagramOptions, StreamLimits};
pub use peers::{DatagramPeer, EndpointPeers, Peer, PeerTable, PeerTotals};
pub use server::Server;
pub use streams::accept_failure;
