//! No call is refused on systems for which there is no tested list of system calls.

use super::error::NotApplied;
use super::needs::Needs;

/// Refuses nothing.
///
/// # Errors
/// Always [`NotApplied::NoCallList`].
pub fn allow_only_needed(_: &Needs) -> Result<(), NotApplied> {
    Err(NotApplied::NoCallList)
}
