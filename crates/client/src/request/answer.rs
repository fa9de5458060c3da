//! The answer to a text, and whether it is the text in capitals.

use std::fmt;
use std::time::Duration;

use crate::ask::comparison::capitals;
use crate::ask::diagnosis::{Diagnosis, diagnose};

/// The answer to one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    bytes: Vec<u8>,
    round_trip: Duration,
    tries: u32,
    path_mtu: Option<u32>,
    problem: Option<Diagnosis>,
}

impl Answer {
    pub(super) fn new(text: &[u8], bytes: Vec<u8>, round_trip: Duration, tries: u32) -> Self {
        let problem = diagnose(text, &capitals(text), &bytes);
        let problem = problem.map(|problem| Diagnosis::new(problem, &bytes));
        Self {
            bytes,
            round_trip,
            tries,
            path_mtu: None,
            problem,
        }
    }

    /// An answer that was compared already, and sent once.
    pub(super) fn right(bytes: Vec<u8>, round_trip: Duration) -> Self {
        Self {
            bytes,
            round_trip,
            tries: 1,
            path_mtu: None,
            problem: None,
        }
    }

    pub(super) fn with_path_mtu(self, path_mtu: Option<u32>) -> Self {
        Self { path_mtu, ..self }
    }

    /// The bytes as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes as they came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// From the first time the text was sent until its answer arrived.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// How often the text was sent.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The path MTU in bytes, when an attempt was too big for the path and the kernel learned it
    /// (RFC 1191); the next attempt was fragmented.
    pub fn path_mtu(&self) -> Option<u32> {
        self.path_mtu
    }

    /// How the answer differs from the text in capitals; `None` when it is right.
    pub fn problem(&self) -> Option<&Diagnosis> {
        self.problem.as_ref()
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
    /// The text, with U+FFFD for bytes that are not UTF-8.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.bytes))
    }
}
