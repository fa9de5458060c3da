//! Full Unicode upper-casing of bytes, 64 at a time: bytes in, capitals out.
//!
//! Each character becomes its full uppercase (`Uppercase_Mapping` of the Unicode Character Database,
//! SpecialCasing.txt included; no locale, no context), exactly as [`str::to_uppercase`] does with the
//! standard library that built the crate. Bytes that are not UTF-8 stay as they are, split as by
//! [`slice::utf8_chunks`]. No I/O.
//!
//! ```
//! let mut text = "größer".to_owned().into_bytes();
//! assert_eq!(capitals::in_place(&mut text).converted_len, text.len());
//! assert_eq!(text, "GRÖSSER".as_bytes());
//! ```
//!
//! # Which function
//!
//! * [`append`] upper-cases any text into a second buffer.
//! * [`in_place`] needs no second buffer; it stops at the first character whose capitals have another
//!   length.
//! * [`in_segments`] is `in_place` for adjacent texts and records in [`Marks`] which bytes changed.
//! * [`Remainder`] upper-cases a stream whose reads may cut characters.
//!
//! # The code, in reading order
//!
//! `table.rs` holds the case data (`build.rs` derives it from the standard library's own), `block.rs`
//! applies it to 64 bytes at once (`lookup.rs` and `partial.rs` are its tools), `in_place.rs` and
//! `append.rs` run over a text (`change.rs` is their result, `level.rs` selects their instructions),
//! `marks.rs` records changed bytes, and `remainder.rs` joins the reads of a stream.
//!
//! # Features
//!
//! `std` (default) selects the best instruction set of the machine at run time. With `libm` instead
//! (`default-features = false, features = ["libm"]`) the crate is `no_std` with `alloc` and uses
//! the level that the compilation target guarantees.

#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod append;
mod block;
mod change;
mod in_place;
mod level;
mod lookup;
mod marks;
mod partial;
mod remainder;
mod table;
#[cfg(test)]
mod tests;

pub use append::append;
pub use change::{Change, MAX_GROWTH};
pub use in_place::{InPlace, in_place};
pub use marks::{Marks, in_segments};
pub use remainder::Remainder;

/// The README's examples, run with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
