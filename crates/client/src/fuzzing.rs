//! Doors for the fuzz targets into what is private. Only in builds of cargo-fuzz.

use crate::ask::{comparison, diagnosis};
use crate::ping::text;
pub use diagnosis::Problem;

/// The bytes of a probe's token.
pub const TOKEN_LENGTH: usize = text::TOKEN_LENGTH;

/// What is wrong with `answer` to `text`.
pub fn check(text: &[u8], answer: &[u8]) -> Option<Problem> {
    diagnosis::diagnose(text, &comparison::capitals(text), answer)
}

/// What is wrong with `answer`, when `expected` is right.
pub fn diagnose(text: &[u8], expected: &[u8], answer: &[u8]) -> Option<Problem> {
    diagnosis::diagnose(text, expected, answer)
}

/// The texts of a probing run.
#[derive(Debug)]
pub struct ProbeTexts(text::ProbeTexts);

#[allow(missing_docs, reason = "each forwards to the method of the same name")]
impl ProbeTexts {
    pub fn new(nonce: u64, size: usize, source: Option<&[u8]>) -> Self {
        Self(text::ProbeTexts::new(nonce, size, source))
    }

    pub fn write(&self, number: u64, text: &mut Vec<u8>) {
        self.0.write(number, text);
    }

    pub fn write_expected(&self, number: u64, answer: &mut Vec<u8>) {
        self.0.write_expected(number, answer);
    }

    pub fn is_right(&self, number: u64, answer: &[u8]) -> bool {
        self.0.is_right(number, answer)
    }

    pub fn number_of(&self, answer: &[u8], last: u64) -> Option<u64> {
        self.0.number_of(answer, last)
    }

    pub fn nearest(&self, answer: &[u8], candidates: impl Iterator<Item = u64>) -> Option<u64> {
        self.0.nearest(answer, candidates)
    }
}
