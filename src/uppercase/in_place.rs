//! Upper-casing where the text lies, as far as no character changes its length.

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch, u8x64};

use super::block::{BLOCK, Blocks, load};
use super::partial;

/// How far [`in_place`] came.
#[must_use = "the text may be in capitals only up to `done`"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// Whether any byte is another one now.
    pub changed: bool,
    /// The length in bytes of the part that is in capitals.
    pub done: usize,
}

/// Upper-cases from the front as long as no character changes its byte length.
///
/// Bytes that are not UTF-8 stay as they are. When `done` is the length of the text, all of it is in
/// capitals. Else `text[..done]` is, and the character that begins at `done` would change its length:
/// `text[done..]` is as it was, and [`append`](super::append) has to go on from there.
///
/// ```
/// use bullhorn::uppercase::in_place;
///
/// let mut text = "größer als ŉ".to_owned().into_bytes();
/// let result = in_place(&mut text);
/// assert!(result.changed);
/// assert_eq!(text, "GRÖSSER ALS ŉ".as_bytes());
/// assert_eq!(&text[result.done..], "ŉ".as_bytes());
/// ```
pub fn in_place(text: &mut [u8]) -> InPlace {
    with_level(Level::new(), text)
}

/// [`in_place`] with the instructions of `level`.
pub(super) fn with_level(level: Level, text: &mut [u8]) -> InPlace {
    dispatch!(level, simd => run(simd, text))
}

#[inline(always)]
fn run<S: Simd>(simd: S, text: &mut [u8]) -> InPlace {
    let mut blocks = Blocks::new(simd);
    let mut changed = u8x64::splat(simd, 0);
    let mut block = load(simd, text, 0);
    let mut at = 0;
    while at < text.len() {
        let next = load(simd, text, at + BLOCK);
        let capitals = blocks.capitals(block, next, &text[at..]);
        let rest = &mut text[at..];
        if capitals.resized == 0 {
            changed |= capitals.change;
            match rest.first_chunk_mut::<BLOCK>() {
                Some(place) => *place = capitals.bytes.to_array(),
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
                done: at + length,
            };
        }
    }
    InPlace {
        changed: changed.simd_gt(0).any_true(),
        done: text.len(),
    }
}
