//! What comes back for a text, and whether it is the text in capitals.

use std::fmt;
use std::time::Duration;

/// The answer to one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    bytes: Vec<u8>,
    round_trip: Duration,
    tries: u32,
    problem: Option<String>,
}

impl Answer {
    pub(super) fn new(text: &[u8], bytes: Vec<u8>, round_trip: Duration, tries: u32) -> Self {
        let problem = check(text, &bytes);
        Self {
            bytes,
            round_trip,
            tries,
            problem,
        }
    }

    /// An answer that was compared already, and sent once.
    pub(super) fn right(bytes: Vec<u8>, round_trip: Duration) -> Self {
        Self {
            bytes,
            round_trip,
            tries: 1,
            problem: None,
        }
    }

    /// The bytes as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes as they came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// From the first time the text was sent until the answer was there.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// How often the text was sent.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// How the answer differs from the text in capitals; `None` when it is right.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

impl PartialEq<str> for Answer {
    fn eq(&self, other: &str) -> bool {
        self.bytes == other.as_bytes()
    }
}

impl PartialEq<&str> for Answer {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Answer {
    /// The text, with U+FFFD for bytes that are no UTF-8.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}

/// The capitals that a right answer to `text` has.
pub(crate) fn expected(text: &[u8]) -> Vec<u8> {
    let mut capitals = Vec::with_capacity(text.len());
    capitals::append(text, &mut capitals);
    capitals
}

/// How `answer` differs from the capitals of `text`, or `None`.
pub fn check(text: &[u8], answer: &[u8]) -> Option<String> {
    let expected = expected(text);
    if answer == expected {
        return None;
    }
    if answer == text {
        return Some("the text came back unchanged, as from an echo".to_owned());
    }
    if answer.len() < expected.len() && expected.starts_with(answer) {
        return Some(format!(
            "it was cut after {} of {} bytes",
            answer.len(),
            expected.len()
        ));
    }
    if !answer.is_empty() && text.starts_with(answer) {
        return Some(format!(
            "its first {} bytes came back unchanged, as from an echo",
            answer.len()
        ));
    }
    let common = expected
        .iter()
        .zip(answer)
        .take_while(|(expected, got)| expected == got)
        .count();
    Some(match (expected.get(common), answer.get(common)) {
        (Some(expected), Some(got)) => {
            format!(
                "byte {} is {got:#04x} and should be {expected:#04x}",
                common + 1
            )
        }
        _ => format!("it has {} bytes more than it should", answer.len() - common),
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn capitals_are_right() {
        assert_eq!(check("maße".as_bytes(), "MASSE".as_bytes()), None);
        assert_eq!(check(b"", b""), None);
    }

    #[test]
    fn an_echo_is_called_one() {
        assert!(check(b"abc", b"abc").unwrap().contains("echo"));
        assert!(check(b"abc", b"ab").unwrap().contains("first 2 bytes"));
    }

    #[test]
    fn a_cut_answer_says_where() {
        assert!(check(b"abcd", b"AB").unwrap().contains("2 of 4"));
    }

    #[test]
    fn the_first_wrong_byte_is_named() {
        assert!(check(b"abcd", b"ABXD").unwrap().contains("byte 3 is 0x58"));
        assert!(check(b"ab", b"ABAB").unwrap().contains("2 bytes more"));
    }
}
