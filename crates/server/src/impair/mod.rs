//! A bad network inside the server: answers to datagrams are lost, duplicated, reordered, corrupted
//! or delayed. It needs no privileges, and a seed makes it repeatable.
//!
//! In reading order: an `Impairment` has the rates, `fate` draws what happens to each answer, and
//! `link` holds answers back. The other end can count every effect exactly: an answer is impaired
//! in at most one of four ways, and delay keeps the order.

mod error;
mod fate;
mod impairment;
mod link;
mod spread;

pub use error::ParseImpairmentError;
pub use impairment::Impairment;
pub(super) use link::Link;
pub use spread::{Rate, Spread};
