//! Only Linux has Landlock.

use super::error::NotApplied;
use super::needs::Needs;

/// Closes nothing.
///
/// # Errors
/// Always [`NotApplied::NotSupported`].
pub fn close(_: &Needs) -> Result<u32, NotApplied> {
    Err(NotApplied::NotSupported)
}
