//! A bad network inside the server: datagrams that are answered, and whose answers are lost,
//! duplicated, reordered, corrupted or delayed. It needs no privileges, and a seed repeats it.
//!
//! In reading order: an `Impairment` says what should happen, `fate` draws what happens to each
//! answer, `link` holds answers back. Every effect is one that the far end can count exactly: an
//! answer meets at most one of the four, and delay keeps the order.

mod error;
mod fate;
mod impairment;
mod link;
mod spread;

pub use error::ParseImpairmentError;
pub use impairment::Impairment;
pub(super) use link::Link;
pub use spread::{Rate, Spread};
