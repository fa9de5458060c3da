//! Sixty-four bytes put in capitals at once, whatever scripts they hold.
//!
//! For each prefix (every byte of a character but its last) that is in the block and has capitals at all, the
//! prefix's page is looked up for the whole block: every byte that could be a last byte picks what its
//! character's bytes are XORed with. So a block costs as much as it has prefixes, one or two in most texts,
//! and not as much as it has characters. Nothing has to be validated: the bytes of one valid
//! character can never be part of another, so what stands around a character is no matter.
//!
//! Where blocks come from and go to is the business of `in_place.rs` and `append.rs`.

use fearless_simd::{Select, Simd, SimdBase, SimdMask, mask8x64, u8x64};

use super::partial;
use super::table::{NODES, PAGES, Page, follow};

/// The length of a block in bytes.
pub(super) const BLOCK: usize = 64;

/// What one block became.
pub(super) struct Capitals<S: Simd> {
    /// The block in capitals, but for the characters in `resized`.
    pub(super) bytes: u8x64<S>,
    /// Whether a bit is set that was not, or the other way round: what `bytes` is XORed with to give the block.
    pub(super) change: u8x64<S>,
    /// A bit for each place where a character begins whose capitals have another length.
    pub(super) resized: u64,
}

/// The bytes of `text` from `at` on, followed by zeros where it is too short.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, text: &[u8], at: usize) -> u8x64<S> {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<BLOCK>() {
        Some(block) => u8x64::load_array_ref(simd, block),
        None => partial::load(simd, rest),
    }
}

/// Upper-cases blocks one after the other; carries what a character changes beyond the end of its block.
pub(super) struct Blocks<S: Simd> {
    simd: S,
    /// What the second, third and fourth bytes of characters are XORed with, each at the place where its
    /// character begins, in the block before.
    before: [u8x64<S>; 3],
    straddles: bool,
}

impl<S: Simd> Blocks<S> {
    #[inline(always)]
    pub(super) fn new(simd: S) -> Self {
        Self {
            simd,
            before: [u8x64::splat(simd, 0); 3],
            straddles: false,
        }
    }

    /// Upper-cases `block`, the beginning of `text`; `next` is the block behind it.
    #[inline(always)]
    pub(super) fn capitals(&mut self, block: u8x64<S>, next: u8x64<S>, text: &[u8]) -> Capitals<S> {
        let simd = self.simd;
        let zero = u8x64::splat(simd, 0);
        let lower = (block - b'a').simd_lt(u8x64::splat(simd, 26));
        let mut change = lower.select(u8x64::splat(simd, 0x20), zero);

        let leads = block.simd_ge(u8x64::splat(simd, 0xC0));
        if !self.straddles && !leads.any_true() {
            return Capitals {
                bytes: block ^ change,
                change,
                resized: 0,
            };
        }
        let root = u8x64::load_array_ref(simd, &NODES[0]);
        let cased = root.swizzle_dyn(block & 0x3F).simd_gt(zero) & leads;
        let mut cased = cased.to_bitmask();
        let [mut first, mut second, mut third, mut fourth] = [zero; 4];
        let ahead = block.slide::<1>(next);
        while cased != 0 {
            let at = cased.trailing_zeros() as usize;
            let byte = |index: usize| text.get(at + index).copied().unwrap_or(0);
            let lead = byte(0);
            let mut prefix = block.simd_eq(lead);
            let mut number = follow(0, lead);
            if lead < 0xE0 {
                cased &= !prefix.to_bitmask();
                let page = &PAGES[usize::from(number)];
                let lookup = Lookup::new(prefix, ahead);
                first |= lookup.row(simd, page, 0);
                second |= lookup.row(simd, page, 1);
            } else if lead < 0xF0 {
                prefix &= ahead.simd_eq(byte(1));
                cased &= !prefix.to_bitmask();
                number = if byte(1) & 0xC0 == 0x80 {
                    follow(number, byte(1))
                } else {
                    0
                };
                if number != 0 {
                    let page = &PAGES[usize::from(number)];
                    let lookup = Lookup::new(prefix, block.slide::<2>(next));
                    first |= lookup.row(simd, page, 0);
                    second |= lookup.row(simd, page, 1);
                    third |= lookup.row(simd, page, 2);
                }
            } else {
                prefix &= ahead.simd_eq(byte(1));
                number = if byte(1) & 0xC0 == 0x80 {
                    follow(number, byte(1))
                } else {
                    0
                };
                if number != 0 {
                    prefix &= block.slide::<2>(next).simd_eq(byte(2));
                    number = if byte(2) & 0xC0 == 0x80 {
                        follow(number, byte(2))
                    } else {
                        0
                    };
                }
                cased &= !prefix.to_bitmask();
                if number != 0 {
                    let page = &PAGES[usize::from(number)];
                    let lookup = Lookup::new(prefix, block.slide::<3>(next));
                    first |= lookup.row(simd, page, 0);
                    second |= lookup.row(simd, page, 1);
                    third |= lookup.row(simd, page, 2);
                    fourth |= lookup.row(simd, page, 3);
                }
            }
        }
        let rows = [first, second, third, fourth];
        let resized = (block.simd_eq(rows[0]) & leads).to_bitmask();
        change = change
            | rows[0]
            | self.before[0].slide::<63>(rows[1])
            | self.before[1].slide::<62>(rows[2])
            | self.before[2].slide::<61>(rows[3]);
        self.before = [rows[1], rows[2], rows[3]];
        self.straddles = true;
        Capitals {
            bytes: block ^ change,
            change,
            resized,
        }
    }
}

/// All characters of a block with one prefix.
#[derive(Clone, Copy)]
struct Lookup<S: Simd> {
    found: mask8x64<S>,
    column: u8x64<S>,
}

impl<S: Simd> Lookup<S> {
    #[inline(always)]
    fn new(prefix: mask8x64<S>, last: u8x64<S>) -> Self {
        Self {
            found: prefix & (last & 0xC0).simd_eq(0x80),
            column: last & 0x3F,
        }
    }

    #[inline(always)]
    fn row(self, simd: S, page: &Page, row: usize) -> u8x64<S> {
        let patterns = u8x64::load_array_ref(simd, &page[row]).swizzle_dyn(self.column);
        self.found.select(patterns, u8x64::splat(simd, 0))
    }
}
