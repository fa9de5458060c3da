//! Probe texts: distinct for each probe, the expected answer known without asking.
//!
//! A text is a token and, up to the wished size, filler. The token is the word of the probe in 16
//! letters from a to p, a space, and the number of the probe in ten digits. The word is made from
//! the run's random 64-bit nonce and the number, differs for every number, and says four bits with
//! each letter, all of which change with upper-casing; so an answer can be told from an echo, from
//! another probe's and from another run's by its first 27 bytes, even when some are damaged.

use bullhorn_socket::error::{Error, Result};

const WORD_LENGTH: usize = 16;
const DIGITS: usize = 10;

/// The bytes of a token, and so the least size of a text.
pub const TOKEN_LENGTH: usize = WORD_LENGTH + 1 + DIGITS;

/// Of so many damaged bytes in its token, an answer still belongs to the probe that it resembles.
/// Two tokens of a run agree in 8 or more of the letters of their words with a probability of 1 in
/// 10^6.
const MOST_DAMAGE: usize = 8;

/// Makes the texts of one run and their expected answers.
pub struct ProbeTexts {
    nonce: u64,
    filler: Vec<u8>,
    expected_filler: Vec<u8>,
    line_ends: usize,
}

impl ProbeTexts {
    /// Texts of `size` bytes, or of the token's own size if that is more. The filler is taken from
    /// `source`, again and again, and cut between characters; what then lacks is filled with dots.
    /// Without a source it is the alphabet.
    pub fn new(nonce: u64, size: usize, source: Option<&[u8]>) -> Self {
        let source = source.filter(|source| !source.is_empty());
        let filler = filler(
            size.saturating_sub(TOKEN_LENGTH),
            source.unwrap_or(b" abcdefghijklmnopqrstuvwxyz"),
        );
        let mut expected_filler = Vec::with_capacity(filler.len());
        capitals::append(&filler, &mut expected_filler);
        Self {
            nonce,
            line_ends: filler.iter().filter(|byte| **byte == b'\n').count(),
            filler,
            expected_filler,
        }
    }

    /// Texts with a nonce from the kernel's random numbers.
    ///
    /// # Errors
    /// [`Error::Usage`] where the kernel gives none.
    pub fn with_random_nonce(size: usize, source: Option<&[u8]>) -> Result<Self> {
        let nonce = getrandom::u64()
            .map_err(|error| Error::Usage(format!("this system has no random numbers: {error}")))?;
        Ok(Self::new(nonce, size, source))
    }

    /// The bytes of each text.
    pub fn text_length(&self) -> usize {
        TOKEN_LENGTH + self.filler.len()
    }

    /// The bytes of each expected answer: more or less than the text's where capitals are.
    pub fn expected_length(&self) -> usize {
        TOKEN_LENGTH + self.expected_filler.len()
    }

    /// How many line ends each text has, and so its answer.
    pub fn line_ends(&self) -> usize {
        self.line_ends
    }

    /// Whether the beginning of a right answer may be what `partial` is, of which the bytes before
    /// `checked` are known to be.
    pub fn may_begin_right(&self, partial: &[u8], checked: usize) -> bool {
        let (token, filler) = partial.split_at(partial.len().min(TOKEN_LENGTH));
        let checked = checked.saturating_sub(TOKEN_LENGTH).min(filler.len());
        let mut token = token.iter().enumerate();
        token.all(|(index, byte)| match index {
            ..WORD_LENGTH => matches!(byte, b'A'..=b'P'),
            WORD_LENGTH => *byte == b' ',
            _ => byte.is_ascii_digit(),
        }) && self
            .expected_filler
            .get(checked..filler.len())
            .is_some_and(|expected| *expected == filler[checked..])
    }

    /// Replaces `text` by the text of probe `number`.
    pub fn write(&self, number: u64, text: &mut Vec<u8>) {
        text.clear();
        text.extend(self.token(number));
        text.extend(&self.filler);
    }

    /// Replaces `answer` by the right answer to probe `number`.
    pub fn write_expected(&self, number: u64, answer: &mut Vec<u8>) {
        answer.clear();
        answer.extend(self.token(number).map(|byte| byte.to_ascii_uppercase()));
        answer.extend(&self.expected_filler);
    }

    /// Whether `answer` is the right one to probe `number`, byte for byte.
    pub fn is_right(&self, number: u64, answer: &[u8]) -> bool {
        answer
            .split_first_chunk::<TOKEN_LENGTH>()
            .is_some_and(|(token, filler)| {
                filler == self.expected_filler
                    && *token == self.token(number).map(|byte| byte.to_ascii_uppercase())
            })
    }

    /// The number of the probe among `1..=last` whose whole token `answer` begins with, in capitals
    /// or not.
    pub fn number_of(&self, answer: &[u8], last: u64) -> Option<u64> {
        let token = answer.first_chunk::<TOKEN_LENGTH>()?;
        let digits = std::str::from_utf8(&token[WORD_LENGTH + 1..]).ok()?;
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
    pub fn nearest(&self, answer: &[u8], candidates: impl Iterator<Item = u64>) -> Option<u64> {
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
            .filter(|(damage, _)| *damage <= MOST_DAMAGE)
            .min()
            .map(|(_, number)| number)
    }

    fn token(&self, number: u64) -> [u8; TOKEN_LENGTH] {
        let mut token = [b' '; TOKEN_LENGTH];
        let word = mix(self.nonce.wrapping_add(number));
        for (index, letter) in token[..WORD_LENGTH].iter_mut().enumerate() {
            *letter = b'a' + (word >> (4 * index) & 0xf) as u8;
        }
        let mut rest = number;
        for digit in token[WORD_LENGTH + 1..].iter_mut().rev() {
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

fn filler(length: usize, source: &[u8]) -> Vec<u8> {
    let mut filler: Vec<u8> = source.iter().copied().cycle().take(length).collect();
    // Half a character at the end would be no text, which servers in other languages may refuse.
    if std::str::from_utf8(source).is_ok() {
        let valid = filler.utf8_chunks().next().map_or(0, |c| c.valid().len());
        filler[valid..].fill(b'.');
    }
    filler
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(texts: &ProbeTexts, number: u64) -> Vec<u8> {
        let mut text = Vec::new();
        texts.write(number, &mut text);
        text
    }

    fn expected(texts: &ProbeTexts, number: u64) -> Vec<u8> {
        let mut answer = Vec::new();
        texts.write_expected(number, &mut answer);
        answer
    }

    #[test]
    fn a_text_of_another_script_is_cut_between_characters() {
        let source = "при".as_bytes();
        let texts = ProbeTexts::new(1, TOKEN_LENGTH + 9, Some(source));
        let text = text(&texts, 1);
        assert_eq!(&text[TOKEN_LENGTH..], "прип.".as_bytes());
        assert_eq!(&expected(&texts, 1)[TOKEN_LENGTH..], "ПРИП.".as_bytes());
    }

    #[test]
    fn an_echo_still_has_its_number() {
        let texts = ProbeTexts::new(9, 64, None);
        assert_eq!(texts.number_of(&text(&texts, 17), 20), Some(17));
        assert_eq!(texts.number_of(&text(&texts, 17), 16), None);
        let another_run = ProbeTexts::new(10, 64, None);
        assert_eq!(another_run.number_of(&text(&texts, 17), 20), None);
    }

    proptest! {
        #[test]
        fn every_text_has_its_size_its_answer_and_no_twin(
            nonce in any::<u64>(),
            size in 0usize..300,
            number in 1u64..1 << 40,
            other in 1u64..1 << 40,
        ) {
            let texts = ProbeTexts::new(nonce, size, None);
            let text = text(&texts, number);
            prop_assert_eq!(text.len(), size.max(TOKEN_LENGTH));
            let capitals = String::from_utf8(text.clone()).unwrap().to_uppercase();
            prop_assert_eq!(capitals.as_bytes(), expected(&texts, number));
            prop_assert!(texts.is_right(number, capitals.as_bytes()));
            prop_assert!(!texts.is_right(number, &text));
            prop_assert_eq!(texts.number_of(capitals.as_bytes(), 1 << 40), Some(number));
            prop_assert_eq!(number == other, texts.is_right(other, capitals.as_bytes()));
        }

        #[test]
        fn every_part_of_a_right_answer_may_begin_one_and_no_damaged_one_may(
            number in 1u64..1000,
            length in 0usize..64,
            checked in 0usize..64,
            damage in 0x80u8..,
        ) {
            let texts = ProbeTexts::new(7, 64, None);
            let mut answer = expected(&texts, number);
            answer.truncate(length);
            prop_assert!(texts.may_begin_right(&answer, checked.min(length)));
            if let Some(last) = answer.last_mut() {
                *last ^= damage;
                prop_assert!(!texts.may_begin_right(&answer, 0));
                prop_assert!(!texts.may_begin_right(&answer, length - 1));
            }
            let mut longer = expected(&texts, number);
            longer.push(b'X');
            prop_assert!(!texts.may_begin_right(&longer, 0));
        }

        #[test]
        fn a_damaged_answer_still_belongs_to_its_probe(
            nonce in any::<u64>(),
            number in 1u64..1000,
            place in 0usize..64,
            damage in 1u8..,
        ) {
            let texts = ProbeTexts::new(nonce, 64, None);
            let mut answer = expected(&texts, number);
            answer[place] ^= damage;
            prop_assert!(!texts.is_right(number, &answer));
            prop_assert_eq!(texts.nearest(&answer, 1..1000), Some(number));
        }
    }
}
