//! The outcomes of the texts.

/// How many texts got which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Correct answers.
    pub(crate) right: u64,
    /// Wrong answers.
    pub(crate) wrong: u64,
    /// Texts without an answer.
    pub(crate) failed: u64,
}
