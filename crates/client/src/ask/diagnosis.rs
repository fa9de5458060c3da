//! What is wrong with an answer, in terms that help to fix it.

use std::fmt;

use super::excerpt::AnswerExcerpt;
use super::proxy_header;

/// What is wrong with an answer, and a piece of what came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// How it differs from the right one.
    pub problem: Problem,
    /// What came.
    pub excerpt: AnswerExcerpt,
}

impl Diagnosis {
    /// Of an `answer` with this problem.
    pub(crate) fn new(problem: Problem, answer: &[u8]) -> Self {
        Self {
            problem,
            excerpt: AnswerExcerpt::new(answer, problem.offset(answer.len())),
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem)?;
        if !self.excerpt.is_empty() {
            write!(f, "; received {}", self.excerpt)?;
        }
        Ok(())
    }
}

/// How an answer differs from the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing, where a text was due. Proxies answer with an empty datagram when their backend is
    /// gone (nginx).
    Empty,
    /// It begins with a header of the PROXY protocol, which a proxy put before the text.
    ProxyHeader {
        /// 1 is text, 2 is binary.
        version: u8,
    },
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
    if answer.is_empty() {
        return Some(Problem::Empty);
    }
    if let Some(version) = proxy_header::version(answer)
        && proxy_header::version(expected).is_none()
    {
        return Some(Problem::ProxyHeader { version });
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
            Self::Empty => "empty",
            Self::ProxyHeader { .. } => "proxy_header",
            Self::Unchanged | Self::PartlyUnchanged { .. } => "unchanged",
            Self::Truncated { .. } => "truncated",
            Self::AnotherProbe { .. } => "another_probe",
            Self::TooLong { .. } => "too_long",
            Self::Differs { .. } => "differs",
        }
    }

    /// The first wrong byte of an answer of `length` bytes.
    fn offset(&self, length: usize) -> usize {
        match self {
            Self::Differs { offset, .. } => *offset,
            Self::Truncated { .. } => length,
            Self::TooLong { surplus } => length.saturating_sub(*surplus),
            _ => 0,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "empty answer; a proxy may have lost its backend"),
            Self::ProxyHeader { version } => write!(
                f,
                "a PROXY protocol header (version {version}) came back: a proxy puts it before \
                 the text, and the server does not read it"
            ),
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
        let truncated = Problem::Truncated {
            length: 3,
            expected_length: 4,
        };
        assert_eq!(of(b"ABC"), Some(truncated));
        assert_eq!(of(b""), Some(Problem::Empty));
        let version = |version| Some(Problem::ProxyHeader { version });
        assert_eq!(of(b"PROXY TCP4 192.0.2.1 ...\r\nABCD"), version(1));
        assert_eq!(of(b"\r\n\r\n\0\r\nQUIT\n\x21\x11ABCD"), version(2));
        let differs = Problem::Differs {
            offset: 2,
            got: b'x',
            expected: b'C',
        };
        assert_eq!(of(b"ABxD"), Some(differs));
    }

    #[test]
    fn a_text_that_is_a_proxy_header_is_compared_like_any_other() {
        let text = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 a";
        let answer = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 ";
        let problem = diagnose(text, &text.to_ascii_uppercase(), answer);
        assert!(matches!(problem, Some(Problem::Truncated { .. })));
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
        assert_eq!(
            Diagnosis::new(problem, b"ABXD").to_string(),
            "byte 3 is 0x58 and should be 0x43; received \"ABXD\""
        );
        let empty = Diagnosis::new(Problem::Empty, b"").to_string();
        assert_eq!(empty, "empty answer; a proxy may have lost its backend");
    }
}
