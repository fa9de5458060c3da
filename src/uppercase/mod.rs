//! The transformation: bytes in, capitals out.
//!
//! Each character becomes its full Unicode uppercase (`Uppercase_Mapping` of the Unicode Character Database,
//! SpecialCasing.txt included; no locale, no context): what [`str::to_uppercase`] gives. Bytes that are not
//! UTF-8 stay as they are, cut apart as by [`slice::utf8_chunks`]. Nothing here knows of sockets.
//!
//! In reading order: `table.rs` holds the case data, `block.rs` lays it over 64 bytes at once (`lookup.rs` and
//! `partial.rs` are its tools), `in_place.rs` and `append.rs` run over a text (`marks.rs` keeps which
//! bytes that changed), and `remainder.rs` puts the
//! reads of a stream together.

mod append;
mod block;
mod in_place;
mod lookup;
mod marks;
mod partial;
mod remainder;
mod table;
#[cfg(test)]
mod tests;

pub use append::append;
pub use in_place::{InPlace, in_place};
pub use marks::{Marks, in_segments};
pub use remainder::Remainder;

/// An answer is at most this many times as long as its text (`U+0390`, 2 bytes, becomes 6).
pub const MAX_GROWTH: usize = 3;

/// What upper-casing did to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Not one byte is another.
    Nothing,
    /// Some bytes are others, and each character takes as many bytes as before.
    SameLength,
    /// At least one character takes more or fewer bytes than before, even if the whole has the same length.
    Length,
}
