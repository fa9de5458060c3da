//! Upper-casing where the text lies, as far as no character changes its length.

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch, u8x64};

use super::block::{BLOCK, Blocks, ascii_change, is_ascii, load};
use super::partial;

/// As many bytes of ASCII are upper-cased at once: block by block, looking for other scripts takes the most time.
const STRETCH: usize = 4 * BLOCK;

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
    dispatch!(level, simd => run(simd, text, usize::MAX, |_| {}))
}

/// Upper-cases a stretch that is ASCII alone, and returns what changed anywhere in it.
#[inline(always)]
fn ascii<S: Simd>(
    simd: S,
    stretch: &mut [u8; STRETCH],
    note: &mut impl FnMut(u8x64<S>),
) -> Option<u8x64<S>> {
    let (places, _) = stretch.as_chunks_mut::<BLOCK>();
    let blocks: [u8x64<S>; STRETCH / BLOCK] =
        std::array::from_fn(|index| u8x64::load_array_ref(simd, &places[index]));
    let all = blocks
        .iter()
        .fold(u8x64::splat(simd, 0), |all, block| all | *block);
    if !is_ascii(all) {
        return None;
    }
    let mut changed = u8x64::splat(simd, 0);
    for (block, place) in blocks.into_iter().zip(places) {
        let change = ascii_change(simd, block);
        *place = (block ^ change).to_array();
        note(change);
        changed |= change;
    }
    Some(changed)
}

/// Whether a segment that begins behind `from` begins with a continuation byte. The end of the one
/// before and its beginning could look like one character, which they are not.
#[inline(always)]
fn is_cut_in_characters(text: &[u8], from: usize, segment_size: usize) -> bool {
    let next = from.checked_next_multiple_of(segment_size.max(1));
    let segments = next.map_or(text.len(), |next| next.max(segment_size));
    // Without a way out of the loop: hardly any text has such a segment, and all others are looked
    // through to the end.
    (segments..text.len())
        .step_by(segment_size.max(1))
        .fold(false, |is_cut, at| is_cut | matches!(text[at], 0x80..=0xBF))
}

/// Upper-cases texts of `segment_size` bytes, the last perhaps shorter. Tells `note` what each block is
/// XORed with, in the last one also behind what is done.
#[inline(always)]
pub(super) fn run<S: Simd>(
    simd: S,
    text: &mut [u8],
    segment_size: usize,
    mut note: impl FnMut(u8x64<S>),
) -> InPlace {
    let mut blocks = Blocks::new(simd);
    let mut changed = u8x64::splat(simd, 0);
    let mut at = 0;
    // Not found again behind other scripts: looking for it there costs those more than it saves.
    while let Some(stretch) = text[at..].first_chunk_mut()
        && let Some(change) = ascii(simd, stretch, &mut note)
    {
        changed |= change;
        at += STRETCH;
    }
    if is_cut_in_characters(text, at, segment_size) {
        return InPlace {
            changed: changed.simd_gt(0).any_true(),
            done: at,
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
