//! Stream sockets: accepting connections and answering on them.

pub mod accept_failure;
mod admission;
mod connection;
mod deadlines;
mod draining;
mod event_loop;
mod listener;
mod read_ahead;

pub(crate) use admission::Admission;
pub(crate) use deadlines::Deadlines;
pub(crate) use draining::Draining;
pub(crate) use event_loop::EventLoops;
pub(crate) use listener::Listener;
