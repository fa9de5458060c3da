//! Stream sockets: accepting connections and answering on them.
//!
//! Every CPU has an `event_loop` on a thread of its own. The `listener`s belong to some of the loops,
//! and a `distributor` gives each loop a connection in turn, if `admission` has a permit for it and
//! `accept_failure` does not pause. A loop's `connections` take turns from a `ready_list`, each
//! `connection` limited by the buffer sizes in it and by its `deadlines`; `read_ahead` reads from
//! several at once. `draining` ends it all.

pub mod accept_failure;
mod admission;
mod closed;
mod connection;
mod connections;
mod deadlines;
mod distributor;
mod draining;
mod event_loop;
mod event_loops;
#[cfg(test)]
mod fixture;
mod listener;
mod read_ahead;
mod ready_list;

pub(crate) use draining::Draining;
pub(crate) use event_loops::event_loops;
pub(crate) use listener::Listening;
