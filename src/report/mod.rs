//! Results as text, as JSON Lines with a `schema` key, and as HTML: one folder per verb, one file
//! per format.
//!
//! Everything is written to a writer that the caller gives; nothing here knows of terminals,
//! arguments or sockets. Keys of the JSON are only ever added.

pub(crate) mod bench;
pub(crate) mod demo;
mod named;
mod path_error;
pub(crate) mod ping;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod sweep;
pub(crate) mod trace;
mod units;
