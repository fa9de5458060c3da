//! Creates, binds and inherits sockets; receives and answers datagrams in batches.
//!
//! The only thing it knows about text is where a line ends; it knows nothing of servers and
//! clients. In reading order:
//!
//! * [`endpoint`]: the one way to name a socket, `udp://127.0.0.1:3000`; `resolve` finds the
//!   addresses of a name with `lookup`, and `checks` refuses endpoints and texts that cannot be
//!   used.
//! * [`error`]: what can go wrong; [`Stop`]: ends a waiting call from another thread; [`visible`]:
//!   makes text from the network safe for a terminal.
//! * [`Socket`] and [`Address`] (`socket`, `address`): the calls on a socket, and the kernel's
//!   `sockaddr`.
//! * [`bind()`] makes a [`BoundSocket`] from an endpoint (`bind`, `bound`, `bind_options`;
//!   `prepare` sets its options, `unix_file` keeps the file of a Unix socket and `directory` the
//!   lock on its directory); `inherit` takes over a descriptor that another program bound.
//! * [`connect()`] makes a connected socket from an endpoint, for clients (`connect`; with the source
//!   and the marks of `connect_options`, bound to an `interface`).
//! * [`datagrams`]: many datagrams a call, received, answered and sent. `batch` is the contract,
//!   `plain` fills it with one call a datagram, `batched` with many datagrams a call and many a
//!   buffer (`coalesce` finds those that can go together, `segmentation` knows the limits),
//!   `connected` is the client's side, `return_path` says where an answer to a Unix datagram may
//!   go, and `control_message` reads and writes the bytes beside a datagram.
//! * [`lines`]: lines over a connection, for clients. [`call`]: each socket call as a line of the
//!   log.
//! * `refusal`: what happens where a call is refused as such; `interfaces`: the addresses of this
//!   machine.
//! * `sys`: the system calls, and the only unsafe code of the crate.

#![warn(missing_debug_implementations)]
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the output is closed.

mod address;
mod batch;
mod batched;
mod bind;
mod bind_options;
mod bound;
pub mod call;
mod checks;
#[allow(
    unreachable_pub,
    missing_debug_implementations,
    reason = "its door is `fuzzing`"
)]
mod coalesce;
mod connect;
mod connect_options;
mod connected;
#[allow(unreachable_pub, reason = "its door is `fuzzing`")]
mod control_message;
pub mod datagrams;
mod directory;
pub mod endpoint;
pub mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inherit;
#[cfg(target_os = "linux")]
mod interface;
#[cfg(not(target_os = "linux"))]
#[path = "interface_elsewhere.rs"]
mod interface;
mod interfaces;
pub mod lines;
mod lookup;
mod plain;
mod prepare;
mod refusal;
mod resolve;
mod return_path;
mod segmentation;
mod socket;
mod stop;
#[allow(unsafe_code)]
mod sys;
#[cfg(test)]
mod tests;
mod unix_file;
pub mod visible;

pub use address::{Address, Peer};
pub use bind::bind;
pub use bind_options::{BindOptions, RECEIVE_BUFFER};
pub use bound::{Bound, BoundSocket, Description};
pub use checks::check_for_client;
pub use connect::{Attempt, begin_connect, connect};
pub use connect_options::ConnectOptions;
pub use endpoint::{Endpoint, Family, SocketType};
pub use error::{Error, Result};
pub use inherit::{check_open, inherit, open_ones, passed_descriptors, passed_names};
pub use interfaces::local_addresses;
pub use refusal::check_needed_calls;
pub use resolve::{RESOLVE_TIMEOUT, Resolution};
pub use socket::Socket;
pub use stop::Stop;
pub use sys::{PollSet, open_descriptors, was_stdout_closed};
pub use unix_file::UnixFile;
