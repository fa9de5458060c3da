//! The texts of a run and their expected replies.
//!
//! A text is a header of 16 letters, then a body that is the same for the whole run; on a stream a
//! line end closes it. The header is the flow and the number of the request, scrambled with a key
//! of the run: each request has a different one, and neighbours have almost nothing in common, so
//! that a damaged header can still be attributed.

use crate::ask::filler::{self, Filler, LETTERS};

/// The length of a header in bytes, and so the shortest text.
pub(super) const HEADER_LENGTH: usize = LETTERS;

/// A request's number is in the low bits of the header's value, its flow in the high ones.
const NUMBER_BITS: u32 = 40;

/// The most flows of a run.
pub(super) const MAX_FLOWS: u32 = (1 << (64 - NUMBER_BITS)) - 1;

/// Odd, so that multiplying by it can be undone (the golden ratio of Fibonacci hashing).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// `FACTOR * INVERSE == 1` modulo 2^64.
const INVERSE: u64 = 0xf1de_83e1_9937_733d;

/// The bit that distinguishes a lower-case letter from a capital.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// The body of the texts unless the user sets one.
const FILLER: &[u8] = b"the quick brown fox jumps over the lazy dog 0123456789, ";

/// What the texts of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Form {
    key: u64,
    body: Filler,
}

impl Form {
    /// Texts of `size` bytes, filled from `filler`, which is repeated as needed. `is_line` closes
    /// each text with a line end, and allows no other in it.
    pub(super) fn new(size: usize, filler: Option<&[u8]>, is_line: bool) -> Self {
        let filler = filler.filter(|filler| !filler.is_empty());
        let length = size.saturating_sub(HEADER_LENGTH + usize::from(is_line));
        let body = Filler::new(filler.unwrap_or(FILLER), length);
        Self {
            key: filler::nonce(),
            body: if is_line { body.into_line() } else { body },
        }
    }

    /// The bytes of each text.
    pub(super) fn text_length(&self) -> usize {
        HEADER_LENGTH + self.body.text().len()
    }

    /// The bytes of each right answer.
    pub(super) fn answer_length(&self) -> usize {
        HEADER_LENGTH + self.body.capitals().len()
    }

    fn header(&self, flow: u32, number: u64) -> [u8; HEADER_LENGTH] {
        let value = u64::from(flow) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1);
        filler::letters(scramble(value ^ self.key))
    }

    fn capital_header(&self, flow: u32, number: u64) -> [u8; HEADER_LENGTH] {
        let mut header = self.header(flow, number);
        for half in header.as_chunks_mut::<8>().0 {
            *half = (u64::from_ne_bytes(*half) & !SMALL).to_ne_bytes();
        }
        header
    }

    /// The flow and the number in an answer's header, in lower case or capitals. A header of
    /// another origin yields nothing, or numbers that were almost certainly never sent.
    pub(super) fn read_header(&self, answer: &[u8]) -> Option<(u32, u64)> {
        let value = unscramble(filler::read_letters(answer)?) ^ self.key;
        let flow = (value >> NUMBER_BITS) as u32;
        Some((flow, value & ((1 << NUMBER_BITS) - 1)))
    }

    /// How many letters of an answer's header are those of the right answer to `number`.
    pub(super) fn resemblance(&self, answer: &[u8], flow: u32, number: u64) -> usize {
        let expected = self.capital_header(flow, number);
        let pairs = answer.iter().zip(expected);
        pairs.filter(|(got, expected)| **got == *expected).count()
    }
}

/// A bijection after which neighbours differ everywhere.
fn scramble(value: u64) -> u64 {
    let spread = value.wrapping_mul(FACTOR);
    spread ^ spread >> 32
}

fn unscramble(value: u64) -> u64 {
    (value ^ value >> 32).wrapping_mul(INVERSE)
}

/// Texts and answers in runs, back to back, with the bodies already in place.
pub(super) struct Texts {
    pub(super) form: Form,
    requests: Vec<u8>,
    answers: Vec<u8>,
}

impl Texts {
    /// Room for runs of up to `max_run` texts.
    pub(super) fn new(form: Form, max_run: usize) -> Self {
        let run = |body: &[u8]| [&[0; HEADER_LENGTH], body].concat().repeat(max_run);
        let (requests, answers) = (run(form.body.text()), run(form.body.capitals()));
        Self {
            form,
            requests,
            answers,
        }
    }

    /// The most texts in a run.
    pub(super) fn max_run(&self) -> usize {
        self.requests.len() / self.form.text_length()
    }

    /// The texts with the numbers from `first` on.
    pub(super) fn requests(&mut self, flow: u32, first: u64, amount: usize) -> &[u8] {
        let length = self.form.text_length();
        let run = &mut self.requests[..amount * length];
        for (number, text) in (first..).zip(run.chunks_exact_mut(length)) {
            text[..HEADER_LENGTH].copy_from_slice(&self.form.header(flow, number));
        }
        run
    }

    /// The right answers to the numbers from `first` on.
    pub(super) fn answers(&mut self, flow: u32, first: u64, amount: usize) -> &[u8] {
        let length = self.form.answer_length();
        let run = &mut self.answers[..amount * length];
        for (number, answer) in (first..).zip(run.chunks_exact_mut(length)) {
            answer[..HEADER_LENGTH].copy_from_slice(&self.form.capital_header(flow, number));
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_answers_are_the_capitals_of_the_texts() {
        let filler = "größe ŉ привет\n".as_bytes();
        for (size, is_line) in [(16, false), (17, true), (64, false), (200, true)] {
            for filler in [None, Some(filler)] {
                let mut texts = Texts::new(Form::new(size, filler, is_line), 8);
                assert_eq!(texts.form.text_length(), size);
                let requests = texts.requests(3, 41, 8).to_vec();
                let mut capitals = Vec::new();
                for text in requests.chunks(size) {
                    capitals::append(text, &mut capitals);
                    let ends = text.iter().filter(|byte| **byte == b'\n').count();
                    assert!(!is_line || ends == 1 && text.ends_with(b"\n"));
                    assert!(std::str::from_utf8(text).is_ok());
                }
                assert_eq!(texts.answers(3, 41, 8), capitals);
            }
        }
    }

    proptest! {
        #[test]
        fn headers_are_read_back_in_either_case(flow in 0..=MAX_FLOWS, number in 0u64..1 << NUMBER_BITS) {
            let form = Form::new(16, None, false);
            prop_assert_eq!(form.read_header(&form.header(flow, number)), Some((flow, number)));
            prop_assert_eq!(form.read_header(&form.capital_header(flow, number)), Some((flow, number)));
        }

        #[test]
        fn neighbours_have_little_in_common(first in 0u64..1 << 39, step in 1u64..1024) {
            let form = Form::new(16, None, false);
            let other = form.capital_header(1, first + step);
            prop_assert!(form.resemblance(&other, 1, first) < HEADER_LENGTH - 4);
        }
    }
}
