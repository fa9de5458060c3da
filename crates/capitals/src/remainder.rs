//! Upper-casing a stream whose reads may cut a character in two.

use alloc::vec::Vec;

use crate::{Change, append, in_place};

/// The beginning of a character that a read cut in two, held until the rest of it arrives.
///
/// However the stream is cut, the joined answers are the answer to the joined texts. Only bytes
/// that may still become a character are held (the maximal subpart of Unicode 3.9, as in
/// [`slice::utf8_chunks`]), so at most 3.
///
/// ```
/// use capitals::Remainder;
///
/// let (mut remainder, mut answer) = (Remainder::default(), Vec::new());
/// remainder.append(b"sch\xC3", &mut answer);
/// assert_eq!((answer.as_slice(), remainder.len()), (b"SCH".as_slice(), 1));
/// remainder.append(b"\xB6n \xE2\x82", &mut answer);
/// remainder.finish(&mut answer);
/// assert_eq!(answer, b"SCH\xC3\x96N \xE2\x82");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Remainder {
    held: [u8; 4],
    length: usize,
}

impl Remainder {
    /// How many bytes are held, at most 3.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is held: the last read ended with a whole character.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends what is held and `read` in capitals to `answer`, except for a character that `read`
    /// cuts in two.
    ///
    /// The returned change is that of the bytes that were appended.
    pub fn append(&mut self, read: &[u8], answer: &mut Vec<u8>) -> Change {
        let (completed, rest) = self.complete(read, answer);
        let (text, cut) = rest.split_at(rest.len() - incomplete(rest));
        self.held[self.length..self.length + cut.len()].copy_from_slice(cut);
        self.length += cut.len();
        completed.max(append(text, answer))
    }

    /// Like [`append`](Self::append), but in place as far as possible: the answer is the first
    /// bytes of `read`, as many as returned, followed by what was appended to `answer`.
    pub fn in_place(&mut self, read: &mut [u8], answer: &mut Vec<u8>) -> usize {
        if !self.is_empty() {
            self.append(read, answer);
            return 0;
        }
        let whole = read.len() - incomplete(read);
        let converted_len = in_place(&mut read[..whole]).converted_len;
        if converted_len < read.len() {
            self.append(&read[converted_len..], answer);
        }
        converted_len
    }

    /// Appends the held bytes unchanged: the rest of the character will not come.
    pub fn finish(&mut self, answer: &mut Vec<u8>) {
        answer.extend_from_slice(&self.held[..self.length]);
        self.length = 0;
    }

    /// Completes the held character from `read`; returns the rest of `read`.
    fn complete<'read>(
        &mut self,
        read: &'read [u8],
        answer: &mut Vec<u8>,
    ) -> (Change, &'read [u8]) {
        let mut rest = read;
        while self.length > 0
            && let Some((byte, after)) = rest.split_first()
        {
            self.held[self.length] = *byte;
            let longer = self.length + 1;
            match core::str::from_utf8(&self.held[..longer]) {
                Ok(_) => {
                    self.length = 0;
                    return (append(&self.held[..longer], answer), after);
                }
                Err(error) if error.error_len().is_none() => {
                    self.length = longer;
                    rest = after;
                }
                Err(_) => self.finish(answer),
            }
        }
        (Change::Unchanged, rest)
    }
}

/// How many bytes at the end of `text` may become a character once more bytes follow.
fn incomplete(text: &[u8]) -> usize {
    if text.last().is_none_or(u8::is_ascii) {
        return 0;
    }
    let Some(lead) = text
        .iter()
        .rev()
        .take(3)
        .position(|byte| byte & 0xC0 != 0x80)
    else {
        return 0;
    };
    match core::str::from_utf8(&text[text.len() - 1 - lead..]) {
        Err(error) if error.error_len().is_none() => lead + 1,
        _ => 0,
    }
}
