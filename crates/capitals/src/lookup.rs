//! Table lookups for 64 bytes at once, in the way that suits the machine's vectors.

use fearless_simd::{Level, Select, Simd, SimdBase, u8x16, u8x64};

use crate::table::LEADS;

/// The entry of `row` at the low six bits of each of `bytes`.
#[inline(always)]
pub(crate) fn pick<S: Simd>(simd: S, row: &[u8; 64], bytes: u8x64<S>) -> u8x64<S> {
    if !in_quarters(simd.level()) {
        return u8x64::load_array_ref(simd, row).swizzle_dyn(bytes & 0x3F);
    }
    let quarter = |at| {
        let quarter = u8x64::block_splat(u8x16::from_slice(simd, &row[at..at + 16]));
        quarter.swizzle_dyn_within_blocks(bytes & 0x0F)
    };
    let odd = (bytes & 0x10).simd_eq(0x10);
    let low = odd.select(quarter(16), quarter(0));
    let high = odd.select(quarter(48), quarter(32));
    (bytes & 0x20).simd_eq(0x20).select(high, low)
}

/// Non-zero where a byte is the lead byte of characters of which at least one has a capital.
#[inline(always)]
pub(crate) fn cased<S: Simd>(simd: S, bytes: u8x64<S>) -> u8x64<S> {
    let [low, high] = LEADS.map(|nibbles| u8x64::block_splat(u8x16::load_array(simd, nibbles)));
    low.swizzle_dyn_within_blocks(bytes & 0x0F) & high.swizzle_dyn_within_blocks(bytes >> 4)
}

/// Whether four lookups among 16 bytes are faster than one among 64: where shuffles reach only 16
/// bytes. AVX-512 and NEON reach 64, and SSE2 has no variable shuffle at all.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[inline(always)]
fn in_quarters(level: Level) -> bool {
    matches!(level, Level::Sse4_2(_) | Level::Avx2(_))
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
#[inline(always)]
fn in_quarters(_: Level) -> bool {
    false
}
