//! What is wrong with an answer, in the words of whoever has to mend it.

use std::fmt;

/// How an answer differs from the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The text came back as it was sent. An echo over a pipe may join two datagrams, so there may be
    /// more behind it.
    Unchanged,
    /// The beginning of the right answer, and no more.
    Truncated {
        /// Bytes that came.
        length: usize,
        /// Bytes that a right answer has.
        expected_length: usize,
    },
    /// The right answer, or part of one, to another probe.
    AnotherProbe {
        /// The number of that probe.
        number: u64,
    },
    /// The right answer with something behind it.
    TooLong {
        /// Bytes too many.
        surplus: usize,
    },
    /// Other bytes.
    Differs {
        /// The place of the first wrong byte, counted from 0.
        offset: usize,
        /// The byte there.
        got: u8,
        /// The byte that should be there.
        expected: u8,
    },
}

/// Compares `answer` with the right one; `None` when it is right.
pub fn diagnose(text: &[u8], expected: &[u8], answer: &[u8]) -> Option<Problem> {
    if answer == expected {
        return None;
    }
    if answer.starts_with(text) {
        return Some(Problem::Unchanged);
    }
    let common = expected
        .iter()
        .zip(answer)
        .take_while(|(expected, got)| expected == got)
        .count();
    Some(match (expected.get(common), answer.get(common)) {
        (Some(expected), Some(got)) => Problem::Differs {
            offset: common,
            got: *got,
            expected: *expected,
        },
        (Some(_), None) => Problem::Truncated {
            length: answer.len(),
            expected_length: expected.len(),
        },
        (None, _) => Problem::TooLong {
            surplus: answer.len() - common,
        },
    })
}

impl Problem {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Truncated { .. } => "truncated",
            Self::AnotherProbe { .. } => "another_probe",
            Self::TooLong { .. } => "too_long",
            Self::Differs { .. } => "differs",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => write!(
                f,
                "the text came back unchanged: an echo or a reflected packet answered"
            ),
            Self::Truncated {
                length,
                expected_length,
            } => write!(
                f,
                "cut after {length} of {expected_length} bytes: an MTU or somebody's buffer is too small"
            ),
            Self::AnotherProbe { number } => write!(f, "it is the answer to probe {number}"),
            Self::TooLong { surplus } => write!(f, "{surplus} bytes follow the right answer"),
            Self::Differs {
                offset,
                got,
                expected,
            } => write!(
                f,
                "byte {} is {got:#04x} and should be {expected:#04x}",
                offset + 1
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_wrong_answer_is_told_apart() {
        let of = |answer: &[u8]| diagnose(b"abcd", b"ABCD", answer);
        assert_eq!(of(b"ABCD"), None);
        assert_eq!(of(b"abcd"), Some(Problem::Unchanged));
        assert_eq!(of(b"abcdabce"), Some(Problem::Unchanged));
        assert_eq!(
            of(b"ABC"),
            Some(Problem::Truncated {
                length: 3,
                expected_length: 4
            })
        );
        assert_eq!(of(b"ABCDE"), Some(Problem::TooLong { surplus: 1 }));
        assert_eq!(
            of(b"ABxD"),
            Some(Problem::Differs {
                offset: 2,
                got: b'x',
                expected: b'C'
            })
        );
    }
}
