//! The totals: every datagram and every connection under exactly one heading.
//!
//! For datagrams `received = answered + dropped`, for connections
//! `accepted = finished + dropped + open`, at any moment when no batch is in progress. What the
//! kernel dropped is counted separately.
//!
//! In reading order: [`DropCause`] and [`ConnectionDropCause`] are the causes of drops;
//! [`DatagramTotals`], [`StreamTotals`] and [`Histogram`] are plain numbers as they are read;
//! `datagram` and `stream` are the counters behind them, which the workers write.

mod causes;
mod datagram;
mod histogram;
mod impaired;
mod stream;
mod totals;

pub use causes::{ConnectionDropCause, DropCause};
pub(crate) use datagram::{DatagramCounters, Tally};
pub use histogram::Histogram;
pub use impaired::ImpairTotals;
pub(crate) use stream::StreamCounters;
pub use totals::{DatagramTotals, Stats, StreamTotals, Totals};
