//! Sockets: created, bound, inherited; datagrams received and answered in batches.
//!
//! It knows nothing of text but where a line ends, and nothing of servers or clients. In reading order:
//!
//! * [`endpoint`]: the one way to name a socket, `udp://127.0.0.1:3000`; [`error`]: what can go wrong;
//!   [`stop`]: how a call that waits is ended from another thread; [`visible`]: text from the network
//!   for a terminal.
//! * [`address`]: between [`Endpoint`] and the kernel's `sockaddr`.
//! * [`bound`]: a socket that is bound; [`mod@bind`] makes it from an endpoint, `prepare` sets its
//!   options, [`unix_file`] keeps the file of a Unix socket, `directory` the lock on where it is,
//!   [`inherit`] takes over a descriptor that somebody else bound.
//! * [`mod@connect`]: from an endpoint to a connected socket, for clients.
//! * [`batch`]: the contract of receiving many datagrams and answering many; [`plain`] fills it
//!   with one call a datagram, [`batched`] with many datagrams a call and many a buffer, for which
//!   `coalesce` finds those that can go together.
//! * [`segmentation`]: how many datagrams one buffer may hold, and which errors mean that a path cannot
//!   cut it.
//! * [`return_path`]: where an answer to a Unix datagram may go.
//! * `connected`: datagrams of equal size over a connected socket, many a call and many a buffer, for a
//!   client that sends many.
//! * `refusal`: what is done where a call is refused as such.
//! * `lines`: lines over a connection, for clients.
//! * [`control_message`]: the bytes beside a datagram: the address it was sent to, the size of its run.
//! * `interfaces`: the addresses of this machine.
//! * `call`: each call as a line of the log, for people who learn.
//! * `sys`: the only unsafe code of the crate.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic where nobody reads.

pub mod address;
pub mod batch;
pub mod batched;
pub mod bind;
pub mod bound;
pub mod call;
pub mod coalesce;
pub mod connect;
pub mod connected;
pub mod control_message;
mod directory;
pub mod endpoint;
pub mod error;
pub mod inherit;
mod interfaces;
pub mod lines;
pub mod plain;
mod prepare;
pub mod refusal;
pub mod return_path;
pub mod segmentation;
mod socket;
pub mod stop;
#[allow(unsafe_code)]
pub mod sys;
#[cfg(test)]
mod tests;
pub mod unix_file;
pub mod visible;

pub use address::{Address, Peer};
pub use bind::bind;
pub use bound::{BindOptions, Bound, BoundSocket, Description};
pub use connect::connect;
pub use endpoint::{Endpoint, Family, SocketType};
pub use error::{Error, Result};
pub use interfaces::local_addresses;
pub use socket::Socket;
pub use stop::Stop;
