//! Bullhorn: a socket service that answers every text in capitals, and the client that checks
//! every answer.
//!
//! An answer in capitals proves that a program at the other end received and processed the text. An
//! echo or a half-open firewall cannot fake that.
//!
//! # In your own tests
//!
//! ```
//! use bullhorn::{Client, Server};
//!
//! let server = Server::builder().endpoint("udp://127.0.0.1:0").start()?;
//! let mut client = Client::connect(&server.endpoints()[0])?;
//! assert_eq!(client.request("hello, world")?, "HELLO, WORLD");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The workspace, in reading order
//!
//! This crate is the program `bullhorn` and a thin facade over the crates below it:
//!
//! * `capitals`: upper-casing; bytes in, capitals out. Knows nothing of sockets.
//! * `bullhorn-socket`: endpoints; creating, binding and inheriting sockets; datagrams in batches. All
//!   `unsafe` code is in its `sys` folder.
//! * `bullhorn-server`: bound sockets, the workers that answer on them, and their totals ([`server`]).
//! * `bullhorn-client`: requests ([`client`]), the prober ([`ping`], [`trace`]), the load generator ([`mod@bench`]).
//! * [`sandbox`]: what a program gives up once its server is bound.
//! * The program: `cli` (arguments to settings to a call), `report` (results to text, JSON and HTML).
//!
//! Features: `cli` (default) builds the program; `probe` brings [`ping`], [`trace`] and [`mod@bench`]; `sandbox` brings
//! [`sandbox`]. A test fixture needs none of them.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the pipe is closed.

#[cfg(feature = "sandbox")]
pub mod sandbox;

pub use bullhorn_client::{Client, request as client};
#[cfg(feature = "probe")]
pub use bullhorn_client::{bench, ping, sweep, trace};
pub use bullhorn_server::{self as server, Server};
pub use bullhorn_socket::endpoint::{self, Endpoint, Family, SocketType};
pub use bullhorn_socket::error::{Error, Operation, ResolveProblem, Result};
pub use bullhorn_socket::{BindOptions, BoundSocket, Description, Stop};
pub use bullhorn_socket::{PathCause, PathError, PathOutcome, Reporter};

/// The Rust blocks of the lesson, compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/lesson.md")]
struct Lesson;

/// The Rust block of the README, likewise.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
