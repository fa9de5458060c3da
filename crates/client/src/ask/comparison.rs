//! The right answer to a text, compared with what arrives: whole, or byte by byte as a stream
//! delivers it. A wrong answer is found at its first wrong byte, without waiting for its end.

use super::proxy_header;

/// A right answer and how much of it has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Comparison {
    expected: Vec<u8>,
    matched: usize,
}

/// The verdict on the answer after the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All are right so far.
    Incomplete,
    /// It is complete, and right.
    Right,
    /// It is wrong, and its line end is at this index of the bytes; `None` when that has not
    /// arrived.
    Wrong(Option<usize>),
}

/// The right answer to `text`.
pub(crate) fn capitals(text: &[u8]) -> Vec<u8> {
    let mut capitals = Vec::with_capacity(text.len() + 1);
    capitals::append(text, &mut capitals);
    capitals
}

impl Comparison {
    /// With the answer to a datagram.
    pub(crate) fn with_datagram(text: &[u8]) -> Self {
        Self {
            expected: capitals(text),
            matched: 0,
        }
    }

    /// With the answer to a line, whose line end belongs to it.
    pub(crate) fn with_line(text: &[u8]) -> Self {
        let mut comparison = Self::with_datagram(text);
        comparison.expected.push(b'\n');
        comparison
    }

    /// The right answer.
    pub(crate) fn expected(&self) -> &[u8] {
        &self.expected
    }

    /// Compares the next bytes and returns how many of them belong to the right answer. Bytes
    /// behind it are not looked at.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> (usize, Verdict) {
        let missing = &self.expected[self.matched..];
        let length = missing.len().min(bytes.len());
        if bytes[..length] != missing[..length] {
            return (0, Verdict::Wrong(self.end_of_wrong(bytes)));
        }
        self.matched += length;
        let verdict = if self.matched == self.expected.len() {
            Verdict::Right
        } else {
            Verdict::Incomplete
        };
        (length, verdict)
    }

    /// A wrong answer has as many line ends as the right one, besides those of a header that a proxy
    /// put before it.
    fn end_of_wrong(&self, bytes: &[u8]) -> Option<usize> {
        let line_ends = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let missing = line_ends(&self.expected[self.matched..]);
        let missing = missing.saturating_add(proxy_header::line_ends(bytes));
        let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.nth(missing.checked_sub(1)?).map(|(index, _)| index)
    }

    /// Whether any of it has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.matched > 0
    }

    /// What has arrived of the right answer.
    pub(crate) fn into_matched(mut self) -> Vec<u8> {
        self.expected.truncate(self.matched);
        self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wrong_answer_ends_with_as_many_lines_as_the_right_one() {
        let mut comparison = Comparison::with_line(b"a\nb");
        assert_eq!(comparison.advance(b"x\n"), (0, Verdict::Wrong(None)));
        assert_eq!(comparison.advance(b"x\ny\nC"), (0, Verdict::Wrong(Some(3))));
        assert_eq!(comparison.advance(b"A\n"), (2, Verdict::Incomplete));
        assert_eq!(comparison.advance(b"y\n"), (0, Verdict::Wrong(Some(1))));
        assert_eq!(comparison.into_matched(), b"A\n");
    }

    #[test]
    fn a_wrong_answer_includes_the_header_that_a_proxy_put_before_it() {
        let mut comparison = Comparison::with_line(b"a");
        let answer = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nA\nB\n";
        let end = Some(answer.len() - 3);
        assert_eq!(comparison.advance(answer), (0, Verdict::Wrong(end)));
    }

    proptest! {
        #[test]
        fn a_right_line_is_right_however_it_is_cut(text in "[a-z\n]{0,20}", cut in 1usize..9) {
            let mut comparison = Comparison::with_line(text.as_bytes());
            let answer = format!("{}\nREST", text.to_uppercase());
            let (mut begin, mut verdict) = (0, Verdict::Incomplete);
            while verdict == Verdict::Incomplete {
                let end = answer.len().min(begin + cut);
                let (taken, next) = comparison.advance(&answer.as_bytes()[begin..end]);
                begin += taken;
                verdict = next;
            }
            prop_assert_eq!(verdict, Verdict::Right);
            prop_assert_eq!(begin, text.len() + 1);
        }
    }
}
