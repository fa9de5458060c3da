//! Closes the file system with Landlock (landlock(7)), and what else Landlock can close.
//!
//! No file can be opened, created, changed or executed. The one exception is the removal of files in
//! the directories of socket files; Landlock's rules apply to whole trees, so it extends to their
//! subdirectories. From ABI 4 on (Linux 6.7) no TCP port can be bound or connected to. From 6 on (6.12)
//! no process outside can be signalled, and no abstract Unix socket reached, unless the server answers
//! Unix datagrams, whose clients may have abstract names.

use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::error::NotApplied;
use super::needs::Needs;

/// Closes what Landlock can close, and returns the kernel's ABI.
///
/// # Errors
/// [`NotApplied`] when nothing was closed.
pub fn close(needs: &Needs) -> Result<u32, NotApplied> {
    let status = restrict(needs).map_err(|error| NotApplied::Refused(io::Error::other(error)))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Err(NotApplied::NotEnabled),
        (
            _,
            LandlockStatus::Available {
                effective_abi,
                kernel_abi,
            },
        ) => Ok(kernel_abi
            .and_then(|abi| u32::try_from(abi).ok())
            .unwrap_or(effective_abi as u32)),
        _ => Err(NotApplied::NotSupported),
    }
}

fn restrict(needs: &Needs) -> Result<RestrictionStatus, RulesetError> {
    // ABI 9 adds the right to reach Unix sockets by path (Linux 7.1), which answers need.
    let (files, scopes) = if needs.unix_datagrams {
        (AccessFs::from_all(ABI::V8), BitFlags::from(Scope::Signal))
    } else {
        (
            AccessFs::from_all(ABI::V9),
            Scope::Signal | Scope::AbstractUnixSocket,
        )
    };
    // Not the right to send datagrams (ABI 10), which a server needs.
    let network = AccessNet::BindTcp | AccessNet::ConnectTcp;
    let mut ruleset = Ruleset::default()
        .handle_access(files)?
        .handle_access(network)?
        .scope(scopes)?
        .create()?;
    for directory in &needs.directories {
        ruleset = ruleset.add_rule(PathBeneath::new(directory, AccessFs::RemoveFile))?;
    }
    ruleset.restrict_self()
}
