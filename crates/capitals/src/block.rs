//! Upper-cases 64 bytes at once, in any mix of scripts.
//!
//! A prefix is every byte of a character but its last. For each prefix in the block that has
//! capitals at all, its page is looked up for the whole block: each last byte after that prefix
//! picks what the bytes of its character are XORed with. So the cost of a block is that of its
//! prefixes, one or two in most texts, and not that of its characters. Nothing has to be validated:
//! UTF-8 is self-synchronizing (Unicode 3.9), so invalid bytes cannot affect their neighbours.
//!
//! `in_place.rs` and `append.rs` read and write the blocks.

use fearless_simd::{Select, Simd, SimdBase, SimdMask, u8x64};

use crate::lookup::{cased, pick};
use crate::partial::{self, BLOCK};
use crate::table::{PAGES, Page, follow, width};

/// What one block became.
pub(crate) struct Capitals<S: Simd> {
    /// The block in capitals, except for the characters in `resized`.
    pub(crate) bytes: u8x64<S>,
    /// What the block was XORed with to become `bytes`.
    pub(crate) change: u8x64<S>,
    /// A bit for each index at which a character begins whose capitals have another length.
    pub(crate) resized: u64,
}

/// The bytes of `text` from `at` on, followed by zeros where it is too short.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, text: &[u8], at: usize) -> u8x64<S> {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<BLOCK>() {
        Some(block) => u8x64::load_array_ref(simd, block),
        None if rest.is_empty() => u8x64::splat(simd, 0),
        None => partial::load(simd, rest),
    }
}

#[inline(always)]
pub(crate) fn is_ascii<S: Simd>(block: u8x64<S>) -> bool {
    !block.simd_ge(0x80).any_true()
}

/// What the ASCII letters in `block` are XORed with to become capitals; zero elsewhere.
#[inline(always)]
pub(crate) fn ascii_change<S: Simd>(simd: S, block: u8x64<S>) -> u8x64<S> {
    let lower = (block - b'a').simd_lt(u8x64::splat(simd, 26));
    lower.select(u8x64::splat(simd, 0x20), u8x64::splat(simd, 0))
}

/// Upper-cases blocks one after the other; carries what a character changes beyond the end of its block.
pub(crate) struct Blocks<S: Simd> {
    simd: S,
    /// What the second, third and fourth bytes of characters are XORed with, each at the index at which its
    /// character begins, in the block before.
    before: [u8x64<S>; 3],
}

impl<S: Simd> Blocks<S> {
    #[inline(always)]
    pub(crate) fn new(simd: S) -> Self {
        Self {
            simd,
            before: [u8x64::splat(simd, 0); 3],
        }
    }

    /// Upper-cases `block`, the beginning of `text`; `next` is the block after it.
    #[inline(always)]
    pub(crate) fn capitals(&mut self, block: u8x64<S>, next: u8x64<S>, text: &[u8]) -> Capitals<S> {
        let simd = self.simd;
        let zero = u8x64::splat(simd, 0);
        let mut change = ascii_change(simd, block);

        // No character ends in a block of ASCII that began before it, so `before` holds nothing for this block,
        // nor for any after it.
        if is_ascii(block) {
            return Capitals {
                bytes: block ^ change,
                change,
                resized: 0,
            };
        }
        let mut leads = cased(simd, block).simd_gt(0).to_bitmask();
        let [mut first, mut second, mut third, mut fourth] = [zero; 4];
        let ahead = block.slide::<1>(next);
        while leads != 0 {
            let rest = &text[leads.trailing_zeros() as usize..];
            let byte = |index: usize| rest.get(index).copied().unwrap_or(0);
            let width = width(byte(0));
            // Zero where the prefix is.
            let mut other = block ^ byte(0);
            let mut number = follow(0, byte(0));
            let mut last = ahead;
            if width > 2 {
                other |= last ^ byte(1);
                number = follow(number, byte(1));
                last = block.slide::<2>(next);
            }
            if width > 3 && number != 0 {
                other |= last ^ byte(2);
                number = follow(number, byte(2));
                last = block.slide::<3>(next);
            }
            leads &= !other.simd_eq(0).to_bitmask();
            if number == 0 {
                continue;
            }
            let page = Lookup::new(simd, number, other, last);
            first |= page.row(0);
            second |= page.row(1);
            if width > 2 {
                third |= page.row(2);
            }
            if width > 3 {
                fourth |= page.row(3);
            }
        }
        let resized = (first.simd_eq(block) & first.simd_ge(0xC0)).to_bitmask();
        change |= first;
        change |= self.before[0].slide::<63>(second);
        change |= self.before[1].slide::<62>(third);
        change |= self.before[2].slide::<61>(fourth);
        self.before = [second, third, fourth];
        Capitals {
            bytes: block ^ change,
            change,
            resized,
        }
    }
}

/// The page of one prefix, laid over a block.
#[derive(Clone, Copy)]
struct Lookup<S: Simd> {
    simd: S,
    page: &'static Page,
    /// Zero at the characters of the page.
    other: u8x64<S>,
    last: u8x64<S>,
}

impl<S: Simd> Lookup<S> {
    #[inline(always)]
    fn new(simd: S, number: u8, other: u8x64<S>, last: u8x64<S>) -> Self {
        Self {
            simd,
            page: &PAGES[usize::from(number)],
            other: other | ((last & 0xC0) ^ 0x80),
            last,
        }
    }

    #[inline(always)]
    fn row(self, row: usize) -> u8x64<S> {
        let patterns = pick(self.simd, &self.page[row], self.last);
        self.other
            .simd_eq(0)
            .select(patterns, u8x64::splat(self.simd, 0))
    }
}
