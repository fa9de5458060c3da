//! Changing from root to another user and group.

use std::fmt;
use std::str::FromStr;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User};

use super::credentials;
pub use super::user_error::{UserError, UserProblem};

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
        if self.is_ours()? {
            return Ok(());
        }
        credentials::check(self.uid, self.gid).map_err(|problem| self.refuse(problem))
    }

    /// Becomes this user for good: no supplementary groups, this group, this user, and no capabilities.
    /// The groups come first, as only root may change them.
    ///
    /// # Errors
    /// [`UserError`] when the kernel does not permit it.
    pub fn assume(&self) -> Result<(), UserError> {
        let is_ours = self.is_ours()?;
        credentials::assume((!is_ours).then_some((self.uid, self.gid)))
            .map_err(|problem| self.refuse(problem))
    }

    fn refuse(&self, source: UserProblem) -> UserError {
        UserError {
            user: self.name.to_string(),
            source,
        }
    }

    /// Whether the process already runs as this user, for example through its service manager.
    fn is_ours(&self) -> Result<bool, UserError> {
        let are = credentials::are(self.uid, self.gid);
        let are = are.map_err(|error| self.refuse(error.into()))?;
        Ok(are && !self.uid.is_root())
    }
}
