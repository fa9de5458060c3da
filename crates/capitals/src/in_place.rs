//! Upper-casing in the buffer that holds the text, up to the first character whose length changes.

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch, u8x64};

use crate::block::{Blocks, ascii_change, is_ascii, load};
use crate::level::level;
use crate::partial::{self, BLOCK};

/// Bytes of ASCII upper-cased at once: block by block, the search for other scripts takes the most time.
const STRETCH: usize = 4 * BLOCK;

/// The result of [`in_place`]: how far it got.
#[must_use = "the text may be in capitals only up to `converted_len`"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// Whether any byte changed.
    pub changed: bool,
    /// Length in bytes of the part that is in capitals.
    pub converted_len: usize,
}

/// Upper-cases from the front until a character would change its byte length.
///
/// Bytes that are not UTF-8 stay as they are. When `converted_len` is the length of the text, all
/// of it is in capitals. Otherwise `text[..converted_len]` is, the character at `converted_len`
/// would change its length, and `text[converted_len..]` is untouched: continue there with
/// [`append`](crate::append).
///
/// ```
/// use capitals::in_place;
///
/// let mut text = "größer als ŉ".to_owned().into_bytes();
/// let result = in_place(&mut text);
/// assert!(result.changed);
/// assert_eq!(text, "GRÖSSER ALS ŉ".as_bytes());
/// assert_eq!(&text[result.converted_len..], "ŉ".as_bytes());
/// ```
pub fn in_place(text: &mut [u8]) -> InPlace {
    with_level(level(), text)
}

/// [`in_place`] with the instructions of `level`.
pub(crate) fn with_level(level: Level, text: &mut [u8]) -> InPlace {
    dispatch!(level, simd => run(simd, text, usize::MAX, |_| {}))
}

/// Upper-cases pure ASCII; returns what changed anywhere in it.
#[inline(always)]
fn ascii<S: Simd>(
    simd: S,
    stretch: &mut [u8; STRETCH],
    note: &mut impl FnMut(u8x64<S>),
) -> Option<u8x64<S>> {
    let (targets, _) = stretch.as_chunks_mut::<BLOCK>();
    let blocks: [u8x64<S>; STRETCH / BLOCK] =
        core::array::from_fn(|index| u8x64::load_array_ref(simd, &targets[index]));
    let all = blocks
        .iter()
        .fold(u8x64::splat(simd, 0), |all, block| all | *block);
    if !is_ascii(all) {
        return None;
    }
    let mut changed = u8x64::splat(simd, 0);
    for (block, target) in blocks.into_iter().zip(targets) {
        let change = ascii_change(simd, block);
        *target = (block ^ change).to_array();
        note(change);
        changed |= change;
    }
    Some(changed)
}

/// Whether a segment after `from` begins with a continuation byte. The end of the segment before it
/// and its own beginning could look like one character, which they are not.
#[inline(always)]
fn is_cut_in_characters(text: &[u8], from: usize, segment_size: usize) -> bool {
    let next = from.checked_next_multiple_of(segment_size.max(1));
    let segments = next.map_or(text.len(), |next| next.max(segment_size));
    // Without an early exit: hardly any text has such a segment, and all others are scanned to
    // the end anyway.
    (segments..text.len())
        .step_by(segment_size.max(1))
        .fold(false, |is_cut, at| is_cut | matches!(text[at], 0x80..=0xBF))
}

/// Upper-cases texts of `segment_size` bytes, the last perhaps shorter. Calls `note` with what each
/// block is XORed with, in the last block also after what was converted.
#[inline(always)]
pub(crate) fn run<S: Simd>(
    simd: S,
    text: &mut [u8],
    segment_size: usize,
    mut note: impl FnMut(u8x64<S>),
) -> InPlace {
    let mut blocks = Blocks::new(simd);
    let mut changed = u8x64::splat(simd, 0);
    let mut at = 0;
    // Not tried again after other scripts: there the check costs more than it saves.
    while let Some(stretch) = text[at..].first_chunk_mut()
        && let Some(change) = ascii(simd, stretch, &mut note)
    {
        changed |= change;
        at += STRETCH;
    }
    if is_cut_in_characters(text, at, segment_size) {
        return InPlace {
            changed: changed.simd_gt(0).any_true(),
            converted_len: at,
        };
    }
    let mut block = load(simd, text, at);
    while at < text.len() {
        let next = load(simd, text, at + BLOCK);
        let capitals = blocks.capitals(block, next, &text[at..]);
        note(capitals.change);
        let rest = &mut text[at..];
        if capitals.resized == 0 {
            changed |= capitals.change;
            match rest.first_chunk_mut::<BLOCK>() {
                Some(target) => *target = capitals.bytes.to_array(),
                None => partial::store(simd, capitals.bytes, rest),
            }
            at += BLOCK;
            block = next;
        } else {
            let length = capitals.resized.trailing_zeros() as usize;
            partial::store(simd, capitals.bytes, &mut rest[..length]);
            let late = capitals.change.to_array()[..length]
                .iter()
                .any(|pattern| *pattern != 0);
            return InPlace {
                changed: late || changed.simd_gt(0).any_true(),
                converted_len: at + length,
            };
        }
    }
    InPlace {
        changed: changed.simd_gt(0).any_true(),
        converted_len: text.len(),
    }
}
