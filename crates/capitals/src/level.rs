//! The instruction set that upper-casing uses.

use fearless_simd::Level;

/// The best instructions of this machine.
#[cfg(feature = "std")]
#[inline(always)]
pub(crate) fn level() -> Level {
    Level::new()
}

/// The instructions that the compilation target guarantees.
#[cfg(not(feature = "std"))]
#[inline(always)]
pub(crate) fn level() -> Level {
    Level::baseline()
}
