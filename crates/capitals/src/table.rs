//! The case tables and their lookups: the page of a prefix, and capitals of another length.
//!
//! `build.rs` generates them from the standard library's character data (Unicode
//! `Uppercase_Mapping`, without locale or context). `block.rs` applies a page to a whole block of
//! text.

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// The characters that share every byte but the last, at most 64 of them.
///
/// Row *n*, at the low six bits of the last byte, is what byte *n* of the character is XORed with to become
/// its capital. Where row 0 is the lead byte itself, the capitals have another length, and row 1 is their
/// index in `RESIZED`.
pub(crate) type Page = [[u8; 64]; 4];

/// Where each byte of a character leads, by its low six bits: to the next node, and in the end to the page.
/// 0 is nowhere: no character with this prefix has a capital.
///
/// Node 0 is the root, for lead bytes. A lead byte is at least 0xC0, so no two of them collide.
pub(crate) type Node = [u8; 64];

/// Where `byte` leads from `node`: nowhere if it is neither a lead nor a continuation byte.
#[inline(always)]
pub(crate) fn follow(node: u8, byte: u8) -> u8 {
    let lead = node == 0;
    if byte & 0xC0 == 0x80 || lead {
        NODES[usize::from(node)][usize::from(byte & 0x3F)]
    } else {
        0
    }
}

/// How many bytes a character has that begins with `lead`.
#[inline(always)]
pub(crate) fn width(lead: u8) -> usize {
    match lead {
        0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

/// Lead bytes by their nibbles: some character with this lead byte has a capital if the entry at its low
/// nibble in the first half shares a bit with the entry at its high nibble in the second.
pub(crate) type Leads = [[u8; 16]; 2];

/// Capitals of another length than their character: the bytes, and how many of them are used.
pub(crate) type Resized = ([u8; 8], usize);

/// The capitals of the character at the beginning of `text`, if their length is not its own; and its own length.
#[inline(always)]
pub(crate) fn resized(text: &[u8]) -> Option<(&'static Resized, usize)> {
    let (lead, rest) = text.split_first()?;
    let width = width(*lead);
    let (last, middle) = rest.get(..width - 1)?.split_last()?;
    let page = middle
        .iter()
        .fold(follow(0, *lead), |node, byte| follow(node, *byte));
    let column = usize::from(last & 0x3F);
    let [first, second, ..] = &PAGES[usize::from(page)];
    (first[column] == *lead).then(|| (&RESIZED[usize::from(second[column])], width))
}
