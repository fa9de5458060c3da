//! Bullhorn: a socket service that answers every text in capitals, and the client that checks
//! every answer.
//!
//! An answer in capitals proves that a program at the far end read the text and worked on it; an
//! echo or a half-open firewall cannot fake that.
//!
//! # In your own tests
//!
//! ```
//! use bullhorn::{Client, Server};
//!
//! let server = Server::builder().endpoint("udp://127.0.0.1:0".parse()?).start()?;
//! let mut client = Client::connect(&server.endpoints()[0])?;
//! assert_eq!(client.request("hello, world")?, "HELLO, WORLD");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The crate, in reading order
//!
//! * [`endpoint`]: the one way to name a socket, `udp://127.0.0.1:3000`.
//! * [`error`]: what can go wrong, in one line each, and its exit code.
//! * [`stop`]: how a call that waits is ended from another thread.
//! * [`socket`]: creating, binding and inheriting sockets; datagrams in batches. Knows nothing of
//!   text but where a line ends. All `unsafe` code of the crate is in its `sys` folder.
//! * [`server`]: bound sockets, the workers that answer on them, and their totals.
//! * [`sandbox`]: what a program gives up when its server is bound.
//! * [`client`]: one request and its answer; many under way at once.
//! * [`probe`]: texts on a schedule, every answer checked, counts that always sum.
//! * [`mod@bench`]: load, open or closed loop; every answer matched and compared.
//! * [`report`]: text and JSON for people and programs.
//! * `cli` (in the binary's service): what was typed, what is meant, and the call of the library.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic where nobody reads.

pub mod bench;
pub mod client;
pub mod endpoint;
pub mod error;
pub mod probe;
pub mod report;
pub mod sandbox;
pub mod server;
pub mod socket;
pub mod stop;
pub mod visible;

#[doc(hidden)]
pub mod cli;

pub use client::Client;
pub use endpoint::{Endpoint, Family, SocketType};
pub use error::{Error, Result};
pub use server::Server;

/// The Rust blocks of the lesson, compiled and run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/lesson.md")]
struct Lesson;

/// The Rust block of the README, likewise.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
