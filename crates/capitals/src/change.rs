//! How capitals differ from their text.

/// The longest growth: capitals are at most this many times as long as their text (`U+0390`, 2 bytes,
/// becomes 6).
///
/// ```
/// let mut answer = Vec::new();
/// capitals::append("\u{390}".as_bytes(), &mut answer);
/// assert_eq!(answer.len(), "\u{390}".len() * capitals::MAX_GROWTH);
/// ```
pub const MAX_GROWTH: usize = 3;

/// How the capitals of a text differ from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Not at all: the text was its own capitals.
    Unchanged,
    /// In some bytes, while each character takes as many bytes as before.
    SameLength,
    /// At least one character takes more or fewer bytes, even if the whole has the same length.
    Resized,
}
