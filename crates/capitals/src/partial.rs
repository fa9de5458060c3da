//! Blocks that the text does not fill: the last one of most texts, and the only one of a short text.
//!
//! They are assembled in registers: loading a buffer that was just written in pieces stalls until every
//! piece has been stored, longer than upper-casing the block takes.

use fearless_simd::{Select, Simd, SimdBase, SimdCombine, SimdSplit, u8x16, u8x32, u8x64};

/// The length of a block in bytes.
pub(crate) const BLOCK: usize = 64;

static INDICES: [u8; BLOCK] = {
    let mut indices = [0; BLOCK];
    let mut index = 0;
    while index < BLOCK {
        indices[index] = index as u8;
        index += 1;
    }
    indices
};

/// The bytes of `text`, fewer than a block, followed by zeros.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, text: &[u8]) -> u8x64<S> {
    let zero = u8x32::splat(simd, 0);
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let both = u8x32::load_array_ref(simd, first).combine(u8x32::load_array_ref(simd, last));
        let indices = u8x64::load_array_ref(simd, &INDICES);
        let overlap = u8x64::splat(simd, (BLOCK - text.len()) as u8);
        let moved = indices.simd_lt(32).select(indices, indices + overlap);
        both.swizzle_dyn_precise(moved)
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let both = u8x16::load_array_ref(simd, first).combine(u8x16::load_array_ref(simd, last));
        let indices = u8x32::from_slice(simd, &INDICES[..32]);
        let overlap = u8x32::splat(simd, (32 - text.len()) as u8);
        let moved = indices.simd_lt(16).select(indices, indices + overlap);
        both.swizzle_dyn_precise(moved).combine(zero)
    } else {
        u8x16::load_array(simd, short(text).to_le_bytes())
            .combine(u8x16::splat(simd, 0))
            .combine(zero)
    }
}

/// The bytes of `text`, at most 16, from the lowest on.
#[inline(always)]
fn short(text: &[u8]) -> u128 {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let last = u128::from(u64::from_le_bytes(*last)) << (8 * (text.len() - 8));
        u128::from(u64::from_le_bytes(*first)) | last
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (text.len() - 4));
        u128::from(u64::from(u32::from_le_bytes(*first)) | last)
    } else {
        text.iter()
            .rev()
            .fold(0, |bytes, byte| bytes << 8 | u128::from(*byte))
    }
}

/// Overwrites `text`, fewer than a block, with the beginning of `bytes`.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, bytes: u8x64<S>, text: &mut [u8]) {
    let length = text.len();
    let (low, _) = bytes.split();
    let (lowest, _) = low.split();
    if length >= 32 {
        let indices =
            u8x64::load_array_ref(simd, &INDICES) + u8x64::splat(simd, (length - 32) as u8);
        let (last, _) = bytes.swizzle_dyn(indices).split();
        store_ends(&low.to_array(), &last.to_array(), text);
    } else if length >= 16 {
        let indices =
            u8x32::from_slice(simd, &INDICES[..32]) + u8x32::splat(simd, (length - 16) as u8);
        let (last, _) = low.swizzle_dyn(indices).split();
        store_ends(&lowest.to_array(), &last.to_array(), text);
    } else {
        let bytes = u128::from_le_bytes(lowest.to_array());
        if length >= 8 {
            let last = (bytes >> (8 * (length - 8))) as u64;
            store_ends(&(bytes as u64).to_le_bytes(), &last.to_le_bytes(), text);
        } else if length >= 4 {
            let last = (bytes >> (8 * (length - 4))) as u32;
            store_ends(&(bytes as u32).to_le_bytes(), &last.to_le_bytes(), text);
        } else {
            for (target, byte) in text.iter_mut().zip(bytes.to_le_bytes()) {
                *target = byte;
            }
        }
    }
}

/// Overwrites the beginning of `text` with `first` and its end with `last`.
#[inline(always)]
fn store_ends<const N: usize>(first: &[u8; N], last: &[u8; N], text: &mut [u8]) {
    if let Some(target) = text.first_chunk_mut() {
        *target = *first;
    }
    if let Some(target) = text.last_chunk_mut() {
        *target = *last;
    }
}
