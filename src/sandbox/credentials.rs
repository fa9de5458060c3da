//! The user, group and capabilities of the process (credentials(7)).

use nix::unistd::{self, Gid, Uid};

use super::user_error::UserProblem;
use super::{capabilities, namespace};

/// Whether the process is this user and group: in reality, in effect and saved.
pub(super) fn are(uid: Uid, gid: Gid) -> nix::Result<bool> {
    let (uids, gids) = (unistd::getresuid()?, unistd::getresgid()?);
    let is_user = [uids.real, uids.effective, uids.saved] == [uid; 3];
    let is_group = [gids.real, gids.effective, gids.saved] == [gid; 3];
    Ok(is_user && is_group)
}

/// Whether the process can become this user and group.
pub(super) fn check(uid: Uid, gid: Gid) -> Result<(), UserProblem> {
    if !capabilities::may_change_user() {
        return Err(UserProblem::NotRoot);
    }
    namespace::check(uid.as_raw(), gid.as_raw())
        .map_err(|error| UserProblem::Namespace(error.to_string()))
}

/// Becomes this user and group, if one is given, for good; and gives up every capability. The
/// supplementary groups go first, as who is no longer root may not change them.
pub(super) fn assume(other: Option<(Uid, Gid)>) -> Result<(), UserProblem> {
    if let Some((uid, gid)) = other {
        capabilities::empty_bounding_set();
        unistd::setgroups(&[])?;
        unistd::setresgid(gid, gid, gid)?;
        unistd::setresuid(uid, uid, uid)?;
    }
    capabilities::give_up_all().map_err(UserProblem::System)
}
