//! The texts of a run and the answers they are owed.
//!
//! A text is a header of 16 letters, then a body that is the same for the whole run; on a stream a
//! line end closes it. The header is the flow and the number of the request, scrambled with a key
//! of the run: another header for each request, and neighbours that have next to nothing in
//! common, so that a damaged header still tells whose it was. It is written with the letters a to
//! p, four bits each, and so changes in every byte when it is upper-cased.

use std::hash::{BuildHasher, RandomState};

/// The length of a header in bytes, and so the least that a text can have.
pub(super) const HEADER_LENGTH: usize = 16;

/// A request's number takes the low bits of what the header carries, its flow the high ones.
const NUMBER_BITS: u32 = 40;

/// The most flows of a run.
pub(super) const MAX_FLOWS: u32 = 1 << (64 - NUMBER_BITS);

/// Odd, so that multiplying by it can be undone (the golden ratio of Fibonacci hashing).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// `FACTOR * INVERSE == 1` modulo 2^64.
const INVERSE: u64 = 0xf1de_83e1_9937_733d;

/// The bit that makes a small letter of a capital one.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// What the body is made of without a text of the user's own.
const FILLER: &str = "the quick brown fox jumps over the lazy dog 0123456789, ";

/// What the texts of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Form {
    key: u64,
    body: Vec<u8>,
    body_answer: Vec<u8>,
}

impl Form {
    /// Texts of `size` bytes, filled from `filler`, which is repeated as often as it takes and
    /// never cut within a character. `is_line` closes each text with a line end, and lets no other
    /// be in it.
    pub(super) fn new(size: usize, filler: Option<&[u8]>, is_line: bool) -> Self {
        let filler = match filler {
            Some(filler) if !filler.is_empty() => filler,
            _ => FILLER.as_bytes(),
        };
        let length = size.saturating_sub(HEADER_LENGTH + usize::from(is_line));
        let mut body: Vec<u8> = filler.iter().copied().cycle().take(length).collect();
        // A character that is cut at the end makes room for points.
        if std::str::from_utf8(filler).is_ok()
            && let Err(error) = std::str::from_utf8(&body)
        {
            body[error.valid_up_to()..].fill(b'.');
        }
        if is_line {
            for byte in &mut body {
                if *byte == b'\n' {
                    *byte = b' ';
                }
            }
            body.push(b'\n');
        }
        let mut body_answer = Vec::with_capacity(body.len());
        capitals::append(&body, &mut body_answer);
        Self {
            key: RandomState::new().hash_one(FILLER),
            body,
            body_answer,
        }
    }

    /// The bytes of each text.
    pub(super) fn text_length(&self) -> usize {
        HEADER_LENGTH + self.body.len()
    }

    /// The bytes of each right answer.
    pub(super) fn answer_length(&self) -> usize {
        HEADER_LENGTH + self.body_answer.len()
    }

    fn header(&self, flow: u32, number: u64) -> [u8; HEADER_LENGTH] {
        let value = u64::from(flow) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1);
        letters(scramble(value ^ self.key))
    }

    fn capital_header(&self, flow: u32, number: u64) -> [u8; HEADER_LENGTH] {
        let mut header = self.header(flow, number);
        for half in header.as_chunks_mut::<8>().0 {
            *half = (u64::from_ne_bytes(*half) & !SMALL).to_ne_bytes();
        }
        header
    }

    /// The flow and the number in an answer's header, in small letters or capitals. A header that
    /// is none of this run gives nothing, or numbers that were hardly ever sent.
    pub(super) fn read_header(&self, answer: &[u8]) -> Option<(u32, u64)> {
        let mut value = 0;
        for letter in answer.get(..HEADER_LENGTH)? {
            let bits = (letter | 0x20).wrapping_sub(b'a');
            if bits > 15 {
                return None;
            }
            value = value << 4 | u64::from(bits);
        }
        let value = unscramble(value) ^ self.key;
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

/// A mapping of numbers to numbers, one to one, after which neighbours differ everywhere.
fn scramble(value: u64) -> u64 {
    let spread = value.wrapping_mul(FACTOR);
    spread ^ spread >> 32
}

fn unscramble(value: u64) -> u64 {
    (value ^ value >> 32).wrapping_mul(INVERSE)
}

/// The sixteen letters of a value, the highest four bits first.
fn letters(value: u64) -> [u8; HEADER_LENGTH] {
    let mut header = [0; HEADER_LENGTH];
    let (high, low) = header.split_at_mut(8);
    high.copy_from_slice(&eight_letters(value >> 32).to_be_bytes());
    low.copy_from_slice(&eight_letters(value & 0xffff_ffff).to_be_bytes());
    header
}

/// Spreads 32 bits over eight bytes, four bits each, and makes letters of them.
fn eight_letters(value: u64) -> u64 {
    let mut spread = value;
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    spread + u64::from(b'a') * 0x0101_0101_0101_0101
}

/// Texts and answers in runs, one behind the other, with the bodies already in place.
pub(super) struct Texts {
    pub(super) form: Form,
    requests: Vec<u8>,
    answers: Vec<u8>,
}

impl Texts {
    /// Room for runs of up to `most` texts.
    pub(super) fn new(form: Form, most: usize) -> Self {
        let requests = [&[0; HEADER_LENGTH], form.body.as_slice()]
            .concat()
            .repeat(most);
        let answers = [&[0; HEADER_LENGTH], form.body_answer.as_slice()]
            .concat()
            .repeat(most);
        Self {
            form,
            requests,
            answers,
        }
    }

    /// The most texts in a run.
    pub(super) fn most(&self) -> usize {
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
        fn headers_are_read_back_in_either_case(flow in 0..MAX_FLOWS, number in 0u64..1 << NUMBER_BITS) {
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
