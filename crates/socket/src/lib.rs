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
//!   `prepare` sets its options, `workers` shares its address, `unix_file` keeps the file of a Unix
//!   socket, `made_file` knows it again, `entry` is its name and `directory` the lock on its
//!   directory); `inherit` takes over a descriptor that another program bound (`inherited` asks the
//!   kernel about it).
//! * [`connect()`] makes a connected socket from an endpoint, for clients (`connect`; with the source
//!   and the marks of `connect_options`, bound to an `interface`; `own_name` is that of a Unix
//!   datagram socket, `name_file` a file for it, which `listed_names` finds to be necessary, and
//!   `backlog` waits for room in a listener's).
//! * [`datagrams`]: many datagrams a call, received, answered and sent. `batch` is the contract,
//!   `plain` fills it with one call a datagram, `batched` with many datagrams a call and many a
//!   buffer (`coalesce` finds those that can go together, `segmentation` knows the limits and
//!   `refused_paths` the exceptions), `connected` is the client's side, `return_path` says where an
//!   answer to a Unix datagram may go, and `control_message` reads and writes the bytes beside a
//!   datagram.
//! * `mptcp`: the protocol of `mptcp://`, and whether a connection has it.
//! * [`Message`]: messages over a connection that keeps their boundaries (`message`).
//! * [`PathError`]: what the path reports about what was sent; `path_reports` is how to ask a
//!   socket, `error_queue` takes it from the kernel, `extended_error` reads the bytes.
//! * [`lines`]: lines over a connection, for clients. [`call`]: each socket call as a line of the
//!   log.
//! * `refusal`: what happens where a call is refused as such; `interfaces`: the addresses of this
//!   machine.
//! * `sys`: the system calls, and the only unsafe code of the crate.
//!
//! Runs on Linux, macOS and FreeBSD. What only Linux has is in separate files; `NAME_elsewhere.rs`
//! beside each has what the others do instead.

#![warn(missing_debug_implementations)]
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the output is closed.

mod address;
#[cfg(target_os = "linux")]
mod backlog;
#[cfg(not(target_os = "linux"))]
#[path = "backlog_elsewhere.rs"]
mod backlog;
mod batch;
#[cfg(target_os = "linux")]
mod batched;
#[cfg(not(target_os = "linux"))]
#[path = "batched_elsewhere.rs"]
mod batched;
mod bind;
mod bind_options;
mod bound;
#[cfg(target_os = "linux")]
mod buffer_limits;
#[cfg(not(target_os = "linux"))]
#[path = "buffer_limits_elsewhere.rs"]
mod buffer_limits;
pub mod call;
mod checks;
#[allow(
    unreachable_pub,
    missing_debug_implementations,
    reason = "its door is `fuzzing`"
)]
#[cfg(target_os = "linux")]
mod coalesce;
mod connect;
mod connect_options;
#[cfg(target_os = "linux")]
mod connected;
#[cfg(not(target_os = "linux"))]
#[path = "connected_elsewhere.rs"]
mod connected;
#[allow(unreachable_pub, reason = "its door is `fuzzing`")]
mod control_message;
pub mod datagrams;
mod directory;
pub mod endpoint;
mod entry;
pub mod error;
#[cfg(target_os = "linux")]
mod error_queue;
#[cfg(not(target_os = "linux"))]
#[path = "error_queue_elsewhere.rs"]
mod error_queue;
#[cfg(target_os = "linux")]
#[allow(unreachable_pub, reason = "its door is `fuzzing`")]
mod extended_error;
#[cfg(target_os = "linux")]
mod fragmentation;
#[cfg(not(target_os = "linux"))]
#[path = "fragmentation_elsewhere.rs"]
mod fragmentation;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inherit;
#[cfg(target_os = "linux")]
mod inherited;
#[cfg(not(target_os = "linux"))]
#[path = "inherited_elsewhere.rs"]
mod inherited;
#[cfg(target_os = "linux")]
mod interface;
#[cfg(not(target_os = "linux"))]
#[path = "interface_elsewhere.rs"]
mod interface;
mod interfaces;
pub mod lines;
#[cfg(target_os = "linux")]
mod listed_names;
#[cfg(not(target_os = "linux"))]
#[path = "listed_names_elsewhere.rs"]
mod listed_names;
mod lookup;
#[cfg(target_os = "linux")]
mod made_file;
#[cfg(not(target_os = "linux"))]
#[path = "made_file_elsewhere.rs"]
mod made_file;
#[cfg(target_os = "linux")]
mod message;
#[cfg(not(target_os = "linux"))]
#[path = "message_elsewhere.rs"]
mod message;
#[cfg(target_os = "linux")]
mod mptcp;
#[cfg(not(target_os = "linux"))]
#[path = "mptcp_elsewhere.rs"]
mod mptcp;
mod name_file;
#[cfg(target_os = "linux")]
mod own_name;
#[cfg(not(target_os = "linux"))]
#[path = "own_name_elsewhere.rs"]
mod own_name;
mod path_error;
mod path_reports;
mod plain;
mod poll;
mod prepare;
#[cfg(target_os = "linux")]
mod refusal;
#[cfg(not(target_os = "linux"))]
#[path = "refusal_elsewhere.rs"]
mod refusal;
#[cfg(target_os = "linux")]
mod refused_paths;
#[cfg(target_os = "linux")]
mod remedies;
#[cfg(not(target_os = "linux"))]
#[path = "remedies_elsewhere.rs"]
mod remedies;
mod resolve;
#[cfg(target_os = "linux")]
mod return_path;
#[cfg(not(target_os = "linux"))]
#[path = "return_path_elsewhere.rs"]
mod return_path;
mod segmentation;
mod socket;
mod stop;
#[allow(unsafe_code)]
mod sys;
#[cfg(target_os = "linux")]
mod tcp_options;
#[cfg(not(target_os = "linux"))]
#[path = "tcp_options_elsewhere.rs"]
mod tcp_options;
#[cfg(test)]
mod tests;
mod unix_file;
#[cfg(target_os = "linux")]
mod unix_name;
#[cfg(not(target_os = "linux"))]
#[path = "unix_name_elsewhere.rs"]
mod unix_name;
pub mod visible;
#[cfg(target_os = "linux")]
mod workers;
#[cfg(not(target_os = "linux"))]
#[path = "workers_elsewhere.rs"]
mod workers;

pub use address::{Address, Peer};
pub use bind::bind;
pub use bind_options::{BindOptions, RECEIVE_BUFFER};
pub use bound::{Bound, BoundSocket, Description};
pub use checks::check_for_client;
pub use connect::{Attempt, begin_connect, connect};
pub use connect_options::ConnectOptions;
pub use endpoint::{Endpoint, Family, Protocol, SocketType};
pub use error::{Error, Result};
pub use inherit::{check_open, inherit, open_ones, passed_descriptors, passed_names};
pub use interfaces::{is_local_address, local_addresses};
pub use listed_names::may_be_in_another_network;
pub use lookup::name_of;
pub use message::Message;
pub use path_error::{PathCause, PathError, PathOutcome, QueuedError, Reporter};
pub use poll::PollSet;
pub use refusal::check_needed_calls;
pub use resolve::{RESOLVE_TIMEOUT, Resolution};
pub use socket::Socket;
pub use stop::Stop;
pub use sys::{open_descriptors, was_stdout_closed};
pub use unix_file::UnixFile;
