//! Probe texts: distinct for each probe, with an answer that is known in advance.
//!
//! A text is a token and, up to the requested size, filler. The token is the word of the probe in
//! 16 letters from a to p, a space, and the number of the probe in ten digits. The word is made
//! from the run's random 64-bit nonce and the number, and differs for every number; each letter
//! carries four bits and changes when upper-cased. So the first 27 bytes of an answer, even with
//! some of them damaged, show whether it is an echo, another probe's or another run's.

use crate::ask::filler::{Filler, LETTERS, letters, nonce};
use bullhorn_socket::error::{Error, Result};

const DIGITS: usize = 10;

/// The bytes of a token, and so the minimum size of a text.
pub(crate) const TOKEN_LENGTH: usize = LETTERS + 1 + DIGITS;

/// An answer with at most this many damaged bytes in its token still belongs to the probe that it
/// resembles. Two tokens of a run agree in 8 or more of the letters of their words with a
/// probability of 1 in 10^6.
const MAX_DAMAGE: usize = 8;

/// Whether there can be texts of `size` bytes filled from `filler`, which are settings of a run.
///
/// # Errors
/// [`Error::InvalidSettings`] for a size without room for the token, and for an empty filler.
pub(crate) fn check_texts(size: usize, filler: Option<&[u8]>) -> Result<()> {
    let (settings, problem): (&[_], _) = if size < TOKEN_LENGTH {
        let problem =
            format!("a probe has at least {TOKEN_LENGTH} bytes, for its number and a random word");
        (&["size"], problem)
    } else if filler.is_some_and(<[u8]>::is_empty) {
        let problem = "the file to fill the texts from is empty";
        (&["filler"], problem.to_owned())
    } else {
        return Ok(());
    };
    Err(Error::invalid_settings(settings, problem))
}

/// Makes the texts of one run and their expected answers.
#[derive(Clone, Debug)]
pub(crate) struct ProbeTexts {
    nonce: u64,
    filler: Filler,
    line_ends: usize,
}

impl ProbeTexts {
    /// Texts of `size` bytes, or of the token's size if that is more, filled from `source`,
    /// repeated as needed. Without a source it is the alphabet.
    pub(crate) fn new(nonce: u64, size: usize, source: Option<&[u8]>) -> Self {
        let source = source.filter(|source| !source.is_empty());
        let source = source.unwrap_or(b" abcdefghijklmnopqrstuvwxyz");
        let filler = Filler::new(source, size.saturating_sub(TOKEN_LENGTH));
        let line_ends = filler.text().iter().filter(|byte| **byte == b'\n');
        Self {
            nonce,
            line_ends: line_ends.count(),
            filler,
        }
    }

    /// Texts with a random nonce.
    pub(crate) fn with_random_nonce(size: usize, source: Option<&[u8]>) -> Self {
        Self::new(nonce(), size, source)
    }

    /// The bytes of each text.
    pub(crate) fn text_length(&self) -> usize {
        TOKEN_LENGTH + self.filler.text().len()
    }

    /// The bytes of each expected answer, which differ from the text's where the capitals of a
    /// character are longer or shorter.
    pub(crate) fn expected_length(&self) -> usize {
        TOKEN_LENGTH + self.filler.capitals().len()
    }

    /// How many line ends each text has, and so its answer.
    pub(crate) fn line_ends(&self) -> usize {
        self.line_ends
    }

    /// Whether `partial` may be the beginning of a right answer to some probe. Its first `checked`
    /// bytes are already known to be.
    pub(crate) fn may_begin_right(&self, partial: &[u8], checked: usize) -> bool {
        let (token, filler) = partial.split_at(partial.len().min(TOKEN_LENGTH));
        let checked = checked.saturating_sub(TOKEN_LENGTH).min(filler.len());
        let mut token = token.iter().enumerate();
        token.all(|(index, byte)| match index {
            ..LETTERS => matches!(byte, b'A'..=b'P'),
            LETTERS => *byte == b' ',
            _ => byte.is_ascii_digit(),
        }) && self
            .filler
            .capitals()
            .get(checked..filler.len())
            .is_some_and(|expected| *expected == filler[checked..])
    }

    /// Replaces `text` with the text of probe `number`.
    pub(crate) fn write(&self, number: u64, text: &mut Vec<u8>) {
        text.clear();
        text.extend(self.token(number));
        text.extend(self.filler.text());
    }

    /// Replaces `answer` with the right answer to probe `number`.
    pub(crate) fn write_expected(&self, number: u64, answer: &mut Vec<u8>) {
        answer.clear();
        answer.extend(self.token(number).map(|byte| byte.to_ascii_uppercase()));
        answer.extend(self.filler.capitals());
    }

    /// Whether `answer` is the right answer to probe `number`, byte for byte.
    pub(crate) fn is_right(&self, number: u64, answer: &[u8]) -> bool {
        answer
            .split_first_chunk::<TOKEN_LENGTH>()
            .is_some_and(|(token, filler)| {
                filler == self.filler.capitals()
                    && *token == self.token(number).map(|byte| byte.to_ascii_uppercase())
            })
    }

    /// The number of the probe among `1..=last` whose whole token `answer` begins with, in capitals
    /// or not.
    pub(crate) fn number_of(&self, answer: &[u8], last: u64) -> Option<u64> {
        let token = answer.first_chunk::<TOKEN_LENGTH>()?;
        let digits = std::str::from_utf8(&token[LETTERS + 1..]).ok()?;
        let shown: u64 = digits.parse().ok()?;
        // The digits show the number modulo 10^10; only a run of years has more than one candidate.
        let modulus = 10u64.pow(DIGITS as u32);
        let candidates = (0..=last / modulus).map(|high| high * modulus + shown);
        candidates
            .filter(|number| (1..=last).contains(number))
            .find(|number| token.eq_ignore_ascii_case(&self.token(*number)))
    }

    /// The number among `candidates` whose token is nearest to the beginning of `answer`, if any is
    /// near.
    pub(crate) fn nearest(
        &self,
        answer: &[u8],
        candidates: impl Iterator<Item = u64>,
    ) -> Option<u64> {
        let answer = &answer[..answer.len().min(TOKEN_LENGTH)];
        candidates
            .map(|number| {
                let token = self.token(number);
                let differing = token
                    .iter()
                    .zip(answer)
                    .filter(|(token, byte)| !token.eq_ignore_ascii_case(byte))
                    .count();
                (differing + TOKEN_LENGTH - answer.len(), number)
            })
            .filter(|(damage, _)| *damage <= MAX_DAMAGE)
            .min()
            .map(|(_, number)| number)
    }

    fn token(&self, number: u64) -> [u8; TOKEN_LENGTH] {
        let mut token = [b' '; TOKEN_LENGTH];
        token[..LETTERS].copy_from_slice(&letters(mix(self.nonce.wrapping_add(number))));
        let mut rest = number;
        for digit in token[LETTERS + 1..].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        token
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
/// 2014): a bijection, so that different numbers make different words.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests;
