//! A piece of a wrong answer to look at.

use std::fmt;

use bullhorn_socket::call::Excerpt;

/// More than is shown, so that an excerpt shows whether something follows.
const MAX_BYTES: usize = 64;

/// How much of what is right comes before the first wrong byte.
const CONTEXT: usize = 16;

/// A piece of an answer, from shortly before its first wrong byte. Displayed as a quoted string of at
/// most 60 bytes, with control, escape and bidi characters made visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerExcerpt {
    /// Whether something comes before it.
    is_cut: bool,
    bytes: Box<[u8]>,
}

impl AnswerExcerpt {
    /// Of an answer whose byte at `offset` is the first wrong one.
    pub(crate) fn new(answer: &[u8], offset: usize) -> Self {
        let begin = match offset.min(answer.len()).saturating_sub(CONTEXT) {
            // As short as what would stand for it.
            0..=CONTEXT => 0,
            begin => begin,
        };
        let rest = &answer[begin..];
        Self {
            is_cut: begin > 0,
            bytes: rest[..rest.len().min(MAX_BYTES)].into(),
        }
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Display for AnswerExcerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.is_cut { "..." } else { "" };
        write!(f, "{before}{}", Excerpt(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_shows_the_wrong_byte() {
        let answer: Vec<u8> = (0..2000).map(|at| b'A' + (at % 26) as u8).collect();
        let mut wrong = answer.clone();
        wrong[1000] = 0x1b;
        let shown = AnswerExcerpt::new(&wrong, 1000).to_string();
        assert!(shown.starts_with("...\"") && shown.ends_with("\"..."));
        assert!(shown.contains("IJKL\\u{1b}NOP"), "{shown}");
        assert!(shown.len() < 80);
        let shown = AnswerExcerpt::new(b"\xff<html>\n", 0).to_string();
        assert_eq!(shown, "\"\\xff<html>\\n\"");
        // The end of what is cut off.
        let shown = AnswerExcerpt::new(&answer[..100], 100).to_string();
        assert_eq!(shown, "...\"GHIJKLMNOPQRSTUV\"");
    }
}
