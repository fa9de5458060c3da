//! Which bytes upper-casing in place changed, a bit for each: the text itself is gone by then.

use std::ops::Range;

use fearless_simd::{Level, SimdBase, SimdMask, dispatch};

use super::block::BLOCK;
use super::in_place::{InPlace, run};

/// The bytes that [`in_segments`] changed. Made once and used again.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// A bit for each byte of a block, blocks in order.
    blocks: Vec<u64>,
}

impl Marks {
    /// Whether it is plain at a glance that each segment of `segment_size` bytes was changed somewhere
    /// within the first `length` bytes. If not, [`any`](Self::any) knows.
    pub fn are_everywhere(&self, segment_size: usize, length: usize) -> bool {
        let blocks = self.blocks.get(..length.div_ceil(BLOCK));
        // Only then no block belongs to two segments. All are looked at, without a way out, which
        // takes a few vectors.
        segment_size.is_multiple_of(BLOCK)
            && blocks.is_some_and(|blocks| {
                let unchanged = blocks.iter().fold(false, |any, marks| any | (*marks == 0));
                !unchanged
            })
    }

    /// Whether any byte in `range` was changed; nothing that lies behind what was done was.
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
            let behind = (block * BLOCK + BLOCK - 1).saturating_sub(last) as u32;
            marks & (u64::MAX << from) & (u64::MAX >> behind) != 0
        })
    }
}

/// [`in_place`](super::in_place) for several texts in a row, each of `segment_size` bytes and the last
/// perhaps shorter; leaves in `marks` which bytes it changed.
///
/// No character reaches from one text into the next. Where the bytes look as if one did, nothing is
/// done from some place before on. Nothing is allocated once `marks` has seen a text as long.
///
/// ```
/// use bullhorn::uppercase::{Marks, in_segments};
///
/// let (mut text, mut marks) = (*b"ONEtwo", Marks::default());
/// assert_eq!(in_segments(&mut text, 3, &mut marks).done, 6);
/// assert!(marks.any(3..6) && !marks.any(0..3));
///
/// // The end of the first and the beginning of the second would be a small a umlaut.
/// assert_eq!(in_segments(&mut b"a\xC3\xA4b".to_vec(), 2, &mut marks).done, 0);
/// ```
pub fn in_segments(text: &mut [u8], segment_size: usize, marks: &mut Marks) -> InPlace {
    with_level(Level::new(), text, segment_size, marks)
}

/// [`in_segments`] with the instructions of `level`.
pub(super) fn with_level(
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
