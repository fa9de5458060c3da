//! Results as people and programs read them: text, and JSON Lines with a `schema` key.
//!
//! Everything is written to a writer that the caller gives; nothing here knows of terminals,
//! arguments or sockets. Keys of the JSON are only ever added.

pub mod bench;
pub mod bench_html;
mod chart;
pub mod demo;
pub mod live;
pub mod metrics;
pub mod openmetrics;
pub mod ping;
pub mod send;
pub mod serve;
