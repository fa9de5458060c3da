//! What is wrong with an answer, in terms that help to fix it.

use std::fmt;

/// How an answer differs from the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The text came back as it was sent. An echo over a pipe may join two datagrams, so there may
    /// be more behind it.
    Unchanged,
    /// The beginning of the text came back as it was sent, and no more.
    PartlyUnchanged {
        /// Bytes that came.
        length: usize,
    },
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
        /// The index of the first wrong byte.
        offset: usize,
        /// The byte there.
        got: u8,
        /// The byte that should be there.
        expected: u8,
    },
}

/// Compares `answer` with the right one; `None` when it is right.
pub(crate) fn diagnose(text: &[u8], expected: &[u8], answer: &[u8]) -> Option<Problem> {
    if answer == expected {
        return None;
    }
    // Where capitals change nothing, an echo cannot be distinguished from a right answer.
    if text != expected && !text.is_empty() && answer.starts_with(text) {
        return Some(Problem::Unchanged);
    }
    let common = expected
        .iter()
        .zip(answer)
        .take_while(|(expected, got)| expected == got)
        .count();
    Some(match (expected.get(common), answer.get(common)) {
        (Some(_), None) => Problem::Truncated {
            length: answer.len(),
            expected_length: expected.len(),
        },
        (Some(_), Some(_)) if text.starts_with(answer) => Problem::PartlyUnchanged {
            length: answer.len(),
        },
        (Some(expected), Some(got)) => Problem::Differs {
            offset: common,
            got: *got,
            expected: *expected,
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
            Self::Unchanged | Self::PartlyUnchanged { .. } => "unchanged",
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
            Self::PartlyUnchanged { length } => write!(
                f,
                "the first {length} bytes of the text came back unchanged: an echo or a reflected \
                 packet answered"
            ),
            Self::Truncated {
                length,
                expected_length,
            } => write!(
                f,
                "truncated after {length} of {expected_length} bytes: an MTU or a buffer on the way \
                 is too small"
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
    fn each_kind_of_wrong_answer_is_distinguished() {
        let of = |answer: &[u8]| diagnose(b"abcd", b"ABCD", answer);
        assert_eq!(of(b"ABCD"), None);
        assert_eq!(of(b"abcd"), Some(Problem::Unchanged));
        assert_eq!(of(b"abcdabce"), Some(Problem::Unchanged));
        assert_eq!(of(b"ab"), Some(Problem::PartlyUnchanged { length: 2 }));
        assert_eq!(of(b"ABCDE"), Some(Problem::TooLong { surplus: 1 }));
        for (answer, length) in [(&b"ABC"[..], 3), (b"", 0)] {
            let expected_length = 4;
            let truncated = Problem::Truncated {
                length,
                expected_length,
            };
            assert_eq!(of(answer), Some(truncated));
        }
        let differs = Problem::Differs {
            offset: 2,
            got: b'x',
            expected: b'C',
        };
        assert_eq!(of(b"ABxD"), Some(differs));
    }

    #[test]
    fn a_text_without_lower_case_letters_has_no_echo() {
        let of = |answer: &[u8]| diagnose(b"12", b"12", answer);
        assert_eq!(of(b"12"), None);
        assert_eq!(of(b"123"), Some(Problem::TooLong { surplus: 1 }));
        let surplus = diagnose(b"", b"", b"x");
        assert_eq!(surplus, Some(Problem::TooLong { surplus: 1 }));
    }

    #[test]
    fn the_first_wrong_byte_is_counted_from_one_when_printed() {
        let problem = diagnose(b"abcd", b"ABCD", b"ABXD").unwrap();
        assert_eq!(problem.to_string(), "byte 3 is 0x58 and should be 0x43");
    }
}
