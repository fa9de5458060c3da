//! Which bytes upper-casing in place changed, a bit for each: the text itself is gone by then.

use std::ops::Range;

use fearless_simd::{Level, SimdBase, SimdMask, dispatch};

use super::block::BLOCK;
use super::in_place::{InPlace, run};

/// The bytes that [`in_place_marked`] changed. Made once and used again.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// A bit for each byte of a block, blocks in order.
    blocks: Vec<u64>,
}

impl Marks {
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

/// [`in_place`](super::in_place), and leaves in `marks` which bytes it changed. Nothing is allocated
/// once `marks` has seen a text as long.
///
/// ```
/// use bullhorn::uppercase::{Marks, in_place_marked};
///
/// let (mut text, mut marks) = (*b"ONE two", Marks::default());
/// assert!(in_place_marked(&mut text, &mut marks).changed);
/// assert!(marks.any(4..7) && !marks.any(0..4));
/// ```
pub fn in_place_marked(text: &mut [u8], marks: &mut Marks) -> InPlace {
    with_level(Level::new(), text, marks)
}

/// [`in_place_marked`] with the instructions of `level`.
pub(super) fn with_level(level: Level, text: &mut [u8], marks: &mut Marks) -> InPlace {
    let blocks = &mut marks.blocks;
    blocks.clear();
    blocks.reserve(text.len().div_ceil(BLOCK));
    dispatch!(level, simd => run(simd, text, |change| {
        blocks.push(change.simd_gt(0).to_bitmask());
    }))
}
