//! The user and group of the process.

use nix::unistd::{self, Gid, Uid};

use super::user_error::UserProblem;

/// Whether the process is this user and group: in reality, in effect and saved (getresuid(2)).
pub(super) fn are(uid: Uid, gid: Gid) -> nix::Result<bool> {
    let (uids, gids) = (unistd::getresuid()?, unistd::getresgid()?);
    let is_user = [uids.real, uids.effective, uids.saved] == [uid; 3];
    let is_group = [gids.real, gids.effective, gids.saved] == [gid; 3];
    Ok(is_user && is_group)
}

/// Whether the process can become this user and group.
pub(super) fn check(_: Uid, _: Gid) -> Result<(), UserProblem> {
    match unistd::geteuid().is_root() {
        true => Ok(()),
        false => Err(UserProblem::NotRoot),
    }
}

/// Becomes this user and group, if one is given, for good. The supplementary groups go first, as who
/// is no longer root may not change them; the first of the list is the group (setgroups(2)).
pub(super) fn assume(other: Option<(Uid, Gid)>) -> Result<(), UserProblem> {
    if let Some((uid, gid)) = other {
        unistd::setgroups(&[gid])?;
        unistd::setresgid(gid, gid, gid)?;
        unistd::setresuid(uid, uid, uid)?;
    }
    Ok(())
}
