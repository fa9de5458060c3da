//! Bullhorn's client side: texts out, answers back, every answer checked.
//!
//! * [`request`]: one request and its answer; many in flight at once.
//! * [`ping`]: texts on a schedule, every answer checked, counts that always sum (feature `probe`).
//! * [`trace`]: the path of a flow, hop by hop, up to the answer (feature `probe`).
//! * [`sweep`]: the largest message that passes a path (feature `probe`).
//! * [`mod@bench`]: load, open or closed loop; every answer matched and compared (feature `probe`).
//!
//! They share `ask`, which is private: the candidate addresses of a name, a flow, the comparison of
//! an answer with the capitals of its text and the diagnosis of a wrong one, filler, counts and
//! latency. `trial` chooses the address of a name for a whole run.
//!
//! Plain threads that wait in ppoll(2): a client must not measure its own runtime. Nothing here reads
//! arguments or prints.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic when the reader is gone.

mod ask;
#[cfg(feature = "probe")]
pub mod bench;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "probe")]
pub mod ping;
pub mod request;
#[cfg(feature = "probe")]
pub mod sweep;
#[cfg(feature = "probe")]
pub mod trace;
#[cfg(feature = "probe")]
mod trial;

pub use request::Client;
