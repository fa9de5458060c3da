//! Results as people and programs read them: text, and JSON Lines with a `schema` key.
//!
//! Everything is written to a writer that the caller gives; nothing here knows of terminals,
//! arguments or sockets. Keys of the JSON are only ever added.

pub(crate) mod bench;
pub(crate) mod bench_html;
mod chart;
pub(crate) mod demo;
pub(crate) mod live;
pub(crate) mod metrics;
pub(crate) mod openmetrics;
pub(crate) mod ping;
pub(crate) mod send;
pub(crate) mod serve;
