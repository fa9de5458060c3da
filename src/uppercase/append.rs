//! Upper-casing into a buffer of its own, which any character may grow or shorten.

use fearless_simd::{Level, Simd, SimdBase, SimdMask, dispatch, u8x64};

use super::Change;
use super::block::{BLOCK, Blocks, load};
use super::table::resized;

/// As many bytes of ASCII are upper-cased and appended at once: per block, the growing would take the most time.
const RUN: usize = 8 * BLOCK;

/// Appends `text` in capitals to `answer`, and says what that did to the text.
///
/// Bytes that are not UTF-8 are appended as they are. Nothing is allocated but what `answer` grows by, at
/// most [`MAX_GROWTH`](super::MAX_GROWTH) times the length of `text`.
///
/// ```
/// use bullhorn::uppercase::{Change, append};
///
/// let mut answer = b"> ".to_vec();
/// assert_eq!(append("größer".as_bytes(), &mut answer), Change::SameLength);
/// assert_eq!(append(b" \xFF ", &mut answer), Change::Nothing);
/// assert_eq!(append("ŉ".as_bytes(), &mut answer), Change::Length);
/// assert_eq!(answer, b"> GR\xC3\x96SSER \xFF \xCA\xBCN");
/// ```
pub fn append(text: &[u8], answer: &mut Vec<u8>) -> Change {
    with_level(Level::new(), text, answer)
}

/// [`append`] with the instructions of `level`.
pub(super) fn with_level(level: Level, text: &[u8], answer: &mut Vec<u8>) -> Change {
    dispatch!(level, simd => run(simd, text, answer))
}

#[inline(always)]
fn run<S: Simd>(simd: S, text: &[u8], answer: &mut Vec<u8>) -> Change {
    answer.reserve(text.len() + BLOCK);
    let mut blocks = Blocks::new(simd);
    let mut change = u8x64::splat(simd, 0);
    let mut verdict = Change::Nothing;
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
            if verdict == Change::Nothing && capitals != *run {
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
        let mut places = capitals.resized;
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            places &= places - 1;
            if let Some(((others, count), width)) = resized(&rest[place..]) {
                push::<BLOCK>(answer, &bytes[from..], place - from);
                push::<8>(answer, others, *count);
                from = place + width;
                verdict = Change::Length;
            }
        }
        push::<BLOCK>(answer, &bytes[from..], length.saturating_sub(from));
        skipped = from.saturating_sub(BLOCK);
        at += BLOCK;
    }
    if verdict == Change::Nothing && change.simd_gt(0).any_true() {
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
