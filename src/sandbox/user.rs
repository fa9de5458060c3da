//! Changing from root to another user and group.

use std::str::FromStr;
use std::{fmt, io};

use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};
use rustix::thread::CapabilitySet;

use super::{capabilities, namespace};

/// A user as typed: `NAME`, `UID`, `NAME:GROUP` or `UID:GID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName {
    user: String,
    group: Option<String>,
}

/// A text that is not a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a user, or a user and a group, as in nobody:nogroup")]
#[non_exhaustive]
pub struct ParseUserError;

/// A user that the process cannot become.
#[derive(Debug, thiserror::Error)]
#[error("cannot run as {user}: {source}")]
#[non_exhaustive]
pub struct UserError {
    /// The user as typed.
    pub user: String,
    /// Why the process cannot become it.
    pub source: UserProblem,
}

/// Why the process cannot become a user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserProblem {
    /// The name is unknown.
    #[error("there is no {0} of that name")]
    Unknown(&'static str),
    /// No known user has the number, so its group is unknown.
    #[error("no user has that number; give the group as well, as in {0}:{0}")]
    NoGroup(u32),
    /// The process runs as another user than root.
    #[error("only root may change its user")]
    NotRoot,
    /// The user namespace does not allow it.
    #[error("{0}")]
    Namespace(String),
    /// A call failed.
    #[error("{}", bullhorn_socket::error::plain(.0))]
    System(#[source] io::Error),
}

impl From<Errno> for UserProblem {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

impl FromStr for UserName {
    type Err = ParseUserError;

    fn from_str(text: &str) -> Result<Self, ParseUserError> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
            return Err(ParseUserError);
        }
        Ok(Self {
            user: user.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        match &self.group {
            Some(group) => write!(f, ":{group}"),
            None => Ok(()),
        }
    }
}

impl UserName {
    /// Looks up the numbers, which needs access to files.
    ///
    /// # Errors
    /// [`UserError`] for an unknown name, and for a number without a group that no known user has.
    pub fn resolve(&self) -> Result<Identity, UserError> {
        let refuse = |source: UserProblem| UserError {
            user: self.to_string(),
            source,
        };
        let failed = |error: Errno| refuse(error.into());
        let found = match self.user.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(&self.user),
        };
        let found = found.map_err(failed)?;
        let uid = match (&found, self.user.parse()) {
            (Some(user), _) => user.uid,
            (None, Ok(number)) => Uid::from_raw(number),
            (None, Err(_)) => return Err(refuse(UserProblem::Unknown("user"))),
        };
        let gid = match (&self.group, found) {
            (Some(group), _) => match group.parse() {
                Ok(number) => Gid::from_raw(number),
                Err(_) => {
                    Group::from_name(group)
                        .map_err(failed)?
                        .ok_or_else(|| refuse(UserProblem::Unknown("group")))?
                        .gid
                }
            },
            (None, Some(user)) => user.gid,
            (None, None) => {
                return Err(refuse(UserProblem::NoGroup(uid.as_raw())));
            }
        };
        Ok(Identity {
            name: self.clone(),
            uid,
            gid,
        })
    }
}

/// A user and a group by their numbers.
#[derive(Clone, Debug)]
pub struct Identity {
    name: UserName,
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// The number of the user.
    pub fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// The number of the group.
    pub fn gid(&self) -> u32 {
        self.gid.as_raw()
    }

    /// Checks whether [`assume`](Self::assume) can succeed, before there is anything to undo.
    ///
    /// # Errors
    /// [`UserError`] when the process runs as another user than root, or its user namespace does not
    /// have this user.
    pub fn check(&self) -> Result<(), UserError> {
        let held = capabilities::held_effective().unwrap_or(CapabilitySet::empty());
        if self.is_ours()? {
            return Ok(());
        }
        if !held.contains(CapabilitySet::SETUID | CapabilitySet::SETGID) {
            return Err(self.refuse(UserProblem::NotRoot));
        }
        namespace::check(self.uid(), self.gid())
            .map_err(|error| self.refuse(UserProblem::Namespace(error.to_string())))
    }

    /// Becomes this user for good: no supplementary groups, this group, this user, and no capabilities.
    /// The groups come first, as only root may change them.
    ///
    /// # Errors
    /// [`UserError`] when the kernel does not permit it.
    pub fn assume(&self) -> Result<(), UserError> {
        let refuse = |error: Errno| self.refuse(error.into());
        if !self.is_ours()? {
            capabilities::empty_bounding_set();
            unistd::setgroups(&[]).map_err(refuse)?;
            unistd::setresgid(self.gid, self.gid, self.gid).map_err(refuse)?;
            unistd::setresuid(self.uid, self.uid, self.uid).map_err(refuse)?;
        }
        capabilities::give_up_all().map_err(|error| self.refuse(UserProblem::System(error)))
    }

    fn refuse(&self, source: UserProblem) -> UserError {
        UserError {
            user: self.name.to_string(),
            source,
        }
    }

    /// Whether the process already runs as this user, for example through its service manager.
    fn is_ours(&self) -> Result<bool, UserError> {
        let refuse = |error: Errno| self.refuse(error.into());
        let uids = unistd::getresuid().map_err(refuse)?;
        let gids = unistd::getresgid().map_err(refuse)?;
        let is_user = [uids.real, uids.effective, uids.saved] == [self.uid; 3];
        let is_group = [gids.real, gids.effective, gids.saved] == [self.gid; 3];
        Ok(is_user && is_group && !self.uid.is_root())
    }
}
