//! Where no list of system calls has been made and tried, none is refused.

use super::error::NotApplied;
use super::needs::Needs;

/// Says so.
///
/// # Errors
/// Always.
pub fn allow_only_needed(_: &Needs) -> Result<(), NotApplied> {
    Err(NotApplied::NoCallList)
}
