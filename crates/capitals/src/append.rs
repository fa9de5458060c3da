//! Upper-casing into a second buffer, in which any character may grow or shrink.

use alloc::vec::Vec;

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch, u8x64};

use crate::block::{Blocks, load};
use crate::change::Change;
use crate::level::level;
use crate::partial::BLOCK;
use crate::table::resized;

/// Bytes of ASCII upper-cased and appended at once: per block, growing the vector would take the most time.
const RUN: usize = 8 * BLOCK;

/// Appends `text` in capitals to `answer`; returns how the capitals differ from the text.
///
/// Bytes that are not UTF-8 are appended as they are. Allocates only what `answer` grows by, at
/// most [`MAX_GROWTH`](crate::MAX_GROWTH) times the length of `text`.
///
/// ```
/// use capitals::{Change, append};
///
/// let mut answer = b"> ".to_vec();
/// assert_eq!(append("größer".as_bytes(), &mut answer), Change::SameLength);
/// assert_eq!(append(b" \xFF ", &mut answer), Change::Unchanged);
/// assert_eq!(append("ŉ".as_bytes(), &mut answer), Change::Resized);
/// assert_eq!(answer, b"> GR\xC3\x96SSER \xFF \xCA\xBCN");
/// ```
pub fn append(text: &[u8], answer: &mut Vec<u8>) -> Change {
    with_level(level(), text, answer)
}

/// [`append`] with the instructions of `level`.
pub(crate) fn with_level(level: Level, text: &[u8], answer: &mut Vec<u8>) -> Change {
    dispatch!(level, simd => run(simd, text, answer))
}

#[inline(always)]
fn run<S: Simd>(simd: S, text: &[u8], answer: &mut Vec<u8>) -> Change {
    answer.reserve(text.len() + BLOCK);
    let mut blocks = Blocks::new(simd);
    let mut change = u8x64::splat(simd, 0);
    let mut verdict = Change::Unchanged;
    let mut block = load(simd, text, 0);
    let mut skipped = 0;
    let mut at = 0;
    while at < text.len() {
        if let Some(run) = text[at..].first_chunk::<RUN>()
            && run.is_ascii()
        {
            let mut capitals = *run;
            capitals.make_ascii_uppercase();
            answer.extend_from_slice(&capitals);
            if verdict == Change::Unchanged && capitals != *run {
                verdict = Change::SameLength;
            }
            at += RUN;
            block = load(simd, text, at);
            continue;
        }
        let next = load(simd, text, at + BLOCK);
        let rest = &text[at..];
        let capitals = blocks.capitals(block, next, rest);
        change |= capitals.change;
        block = next;
        if capitals.resized == 0 && skipped == 0 && rest.len() >= BLOCK {
            answer.extend_from_slice(&capitals.bytes.to_array());
            at += BLOCK;
            continue;
        }
        let length = rest.len().min(BLOCK);
        let mut bytes = [0; 2 * BLOCK];
        bytes[..BLOCK].copy_from_slice(&capitals.bytes.to_array());
        let mut from = skipped;
        let mut resized_at = capitals.resized;
        while resized_at != 0 {
            let index = resized_at.trailing_zeros() as usize;
            resized_at &= resized_at - 1;
            if let Some(((others, count), width)) = resized(&rest[index..]) {
                push::<BLOCK>(answer, &bytes[from..], index - from);
                push::<8>(answer, others, *count);
                from = index + width;
                verdict = Change::Resized;
            }
        }
        push::<BLOCK>(answer, &bytes[from..], length.saturating_sub(from));
        skipped = from.saturating_sub(BLOCK);
        at += BLOCK;
    }
    if verdict == Change::Unchanged && change.simd_gt(0).any_true() {
        verdict = Change::SameLength;
    }
    verdict
}

/// Appends the first `count` of `bytes`: `N` at once, because a copy of fixed length needs no call.
#[inline(always)]
fn push<const N: usize>(answer: &mut Vec<u8>, bytes: &[u8], count: usize) {
    let end = answer.len() + count;
    if let Some(bytes) = bytes.first_chunk::<N>() {
        answer.extend_from_slice(bytes);
        answer.truncate(end);
    }
}
