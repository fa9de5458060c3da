//! Stream sockets: accepting connections and answering on them.
//!
//! Each CPU has an [`event_loop`] on a separate thread. Some of the loops have a [`listener`]. It
//! accepts a connection if [`admission`] has a permit for it, pauses according to
//! [`accept_failure`], and its [`distributor`] gives each loop a connection in turn. The
//! [`connections`] of a loop take turns in the order of a [`ready_list`], within their
//! [`deadlines`], and [`read_ahead`] reads from several at once. `kernel` is what the platforms
//! report in their own ways. `draining` ends it all.

pub mod accept_failure;
mod admission;
mod closed;
mod connection;
mod connection_counters;
mod connections;
mod deadlines;
mod distributor;
mod event_loop;
mod event_loops;
#[cfg(test)]
mod fixture;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "kernel_elsewhere.rs"]
mod kernel;
mod listener;
mod read_ahead;
mod ready_list;
mod stream_socket;

pub(crate) use event_loops::event_loops;
pub(crate) use listener::Listening;
