//! One bit per byte: whether upper-casing in place changed it. The text itself is overwritten by then.

use alloc::vec::Vec;
use core::ops::Range;

use fearless_simd::{Level, SimdBase, SimdMask, dispatch};

use crate::in_place::{InPlace, run};
use crate::level::level;
use crate::partial::BLOCK;

/// The bytes that [`in_segments`] changed. Created once and reused.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// A bit for each byte of a block, blocks in order.
    blocks: Vec<u64>,
}

impl Marks {
    /// A quick test whether every segment of `segment_size` bytes within the first `length` bytes was
    /// changed. `false` may be wrong; [`any`](Self::any) is exact.
    pub fn all_segments_changed(&self, segment_size: usize, length: usize) -> bool {
        let blocks = self.blocks.get(..length.div_ceil(BLOCK));
        // Only then does no block belong to two segments. Without an early exit, it vectorises.
        segment_size.is_multiple_of(BLOCK)
            && blocks.is_some_and(|blocks| {
                let unchanged = blocks.iter().fold(false, |any, marks| any | (*marks == 0));
                !unchanged
            })
    }

    /// Whether any byte in `range` was changed; bytes after the converted part were not.
    pub fn any(&self, range: Range<usize>) -> bool {
        let Some(last) = range.end.checked_sub(1).filter(|_| !range.is_empty()) else {
            return false;
        };
        let blocks = range.start / BLOCK..(last / BLOCK + 1).min(self.blocks.len());
        let Some(marks) = self.blocks.get(blocks.clone()) else {
            return false;
        };
        marks.iter().zip(blocks).any(|(marks, block)| {
            let from = range.start.saturating_sub(block * BLOCK) as u32;
            let after = (block * BLOCK + BLOCK - 1).saturating_sub(last) as u32;
            marks & (u64::MAX << from) & (u64::MAX >> after) != 0
        })
    }
}

/// [`in_place`](crate::in_place) for several adjacent texts of `segment_size` bytes each, the last may be
/// shorter; records in `marks` which bytes it changed.
///
/// No character crosses from one text into the next. Where the bytes look as if one did, conversion
/// stops somewhere before. Allocates nothing once `marks` has seen a text of that length.
///
/// ```
/// use capitals::{Marks, in_segments};
///
/// let (mut text, mut marks) = (*b"ONEtwo", Marks::default());
/// assert_eq!(in_segments(&mut text, 3, &mut marks).converted_len, 6);
/// assert!(marks.any(3..6) && !marks.any(0..3));
///
/// // The end of the first and the beginning of the second would be a small a umlaut.
/// assert_eq!(in_segments(&mut b"a\xC3\xA4b".to_vec(), 2, &mut marks).converted_len, 0);
/// ```
pub fn in_segments(text: &mut [u8], segment_size: usize, marks: &mut Marks) -> InPlace {
    with_level(level(), text, segment_size, marks)
}

/// [`in_segments`] with the instructions of `level`.
pub(crate) fn with_level(
    level: Level,
    text: &mut [u8],
    segment_size: usize,
    marks: &mut Marks,
) -> InPlace {
    let blocks = &mut marks.blocks;
    blocks.clear();
    blocks.reserve(text.len().div_ceil(BLOCK));
    dispatch!(level, simd => run(simd, text, segment_size, |change| {
        blocks.push(change.simd_gt(0).to_bitmask());
    }))
}
