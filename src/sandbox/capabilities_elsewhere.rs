//! Only Linux divides root's privileges: a process has all of them, or none.

use std::io;

use super::needs::Needs;

/// Gives up nothing.
///
/// # Errors
/// None.
pub fn keep_only(_: &Needs) -> io::Result<()> {
    Ok(())
}

/// Executed programs may gain the privileges of their owner.
pub(super) fn set_no_new_privs() -> bool {
    false
}
