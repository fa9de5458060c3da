//! The user and group of the process. It keeps them: what belongs to a user besides is known to a
//! service of macOS, so that the calls of POSIX do not do all of it (setgroups(2), "Caveats").

use nix::unistd::{self, Gid, Uid};

use super::user_error::UserProblem;

/// Whether the process is this user and group, in reality and in effect.
pub(super) fn are(uid: Uid, gid: Gid) -> nix::Result<bool> {
    let is_user = [unistd::getuid(), unistd::geteuid()] == [uid; 2];
    let is_group = [unistd::getgid(), unistd::getegid()] == [gid; 2];
    Ok(is_user && is_group)
}

/// Refuses another user.
pub(super) fn check(_: Uid, _: Gid) -> Result<(), UserProblem> {
    Err(UserProblem::NotHere)
}

/// Refuses another user.
pub(super) fn assume(other: Option<(Uid, Gid)>) -> Result<(), UserProblem> {
    match other {
        Some(_) => Err(UserProblem::NotHere),
        None => Ok(()),
    }
}
