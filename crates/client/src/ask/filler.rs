//! Generated texts: a header that distinguishes requests, then filler that is the same in every
//! text of a run.

use std::hash::{BuildHasher, RandomState};

/// The bytes of a value written by [`letters`].
pub(crate) const LETTERS: usize = 16;

/// The part of a text behind its header, and its capitals.
#[derive(Clone, Debug)]
pub(crate) struct Filler {
    text: Vec<u8>,
    capitals: Vec<u8>,
}

impl Filler {
    /// `length` bytes of `source`, repeated as often as needed. A character cut off at the end
    /// becomes dots, as half a character is not text and some servers reject it.
    pub(crate) fn new(source: &[u8], length: usize) -> Self {
        let mut text: Vec<u8> = source.iter().copied().cycle().take(length).collect();
        if std::str::from_utf8(source).is_ok() {
            let whole = text.utf8_chunks().next().map_or(0, |it| it.valid().len());
            text[whole..].fill(b'.');
        }
        Self::of(text)
    }

    /// The same on one line: spaces for its line ends, and one line end behind it all.
    pub(crate) fn into_line(self) -> Self {
        let mut text = self.text;
        for byte in text.iter_mut().filter(|byte| **byte == b'\n') {
            *byte = b' ';
        }
        text.push(b'\n');
        Self::of(text)
    }

    fn of(text: Vec<u8>) -> Self {
        let mut capitals = Vec::with_capacity(text.len());
        capitals::append(&text, &mut capitals);
        Self { text, capitals }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The filler of a right reply.
    pub(crate) fn capitals(&self) -> &[u8] {
        &self.capitals
    }
}

/// A random number for one run, so that replies to another run do not match.
pub(crate) fn nonce() -> u64 {
    RandomState::new().hash_one(())
}

/// Four bits per letter, from a to p, the highest bits first: every byte changes when upper-cased.
pub(crate) fn letters(value: u64) -> [u8; LETTERS] {
    let mut text = [0; LETTERS];
    let (high, low) = text.split_at_mut(LETTERS / 2);
    high.copy_from_slice(&eight_letters(value >> 32).to_be_bytes());
    low.copy_from_slice(&eight_letters(value & 0xffff_ffff).to_be_bytes());
    text
}

/// Spreads 32 bits over eight bytes, four bits each, and turns these into letters.
fn eight_letters(value: u64) -> u64 {
    let mut spread = value;
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    spread + u64::from(b'a') * 0x0101_0101_0101_0101
}

/// The value that [`letters`] wrote, in lower case or capitals.
pub(crate) fn read_letters(text: &[u8]) -> Option<u64> {
    text.get(..LETTERS)?.iter().try_fold(0, |value, letter| {
        let bits = (letter | 0x20).wrapping_sub(b'a');
        (bits < 16).then_some(value << 4 | u64::from(bits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_character_cut_off_at_the_end_becomes_dots() {
        let filler = Filler::new("при".as_bytes(), 9);
        assert_eq!(filler.text(), "прип.".as_bytes());
        assert_eq!(filler.capitals(), "ПРИП.".as_bytes());
        assert_eq!(Filler::new(b"\xff\xd0", 3).text(), b"\xff\xd0\xff");
    }

    #[test]
    fn a_line_has_one_line_end_at_its_end() {
        let filler = Filler::new(b"a\nb", 5).into_line();
        assert_eq!(filler.text(), b"a ba \n");
        assert_eq!(filler.capitals(), b"A BA \n");
    }

    proptest! {
        #[test]
        fn letters_are_read_back_in_either_case(value in any::<u64>()) {
            let text = letters(value);
            let naive: Vec<u8> = (0..16).rev().map(|n| b'a' + (value >> (4 * n) & 15) as u8).collect();
            prop_assert_eq!(&text[..], naive);
            prop_assert_eq!(read_letters(&text), Some(value));
            prop_assert_eq!(read_letters(&text.map(|byte| byte.to_ascii_uppercase())), Some(value));
        }
    }
}
