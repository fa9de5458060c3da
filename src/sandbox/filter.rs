//! Refuses every system call that is not on the list, with a seccomp filter (seccomp(2)).
//!
//! A refused call returns ENOSYS, as from a kernel that does not know it. The process is not killed:
//! the C library tries newer calls before older ones (`clone3` before `clone`) and may open files at
//! any time, and an update of that library must not kill the server. An attacker who controls the
//! process gains nothing either way.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use super::calls::{Argument, FILE_REMOVAL, GROUPS, LIMITED, PATH_LOOKUP};
use super::error::NotApplied;
use super::needs::Needs;

/// Refuses every call that is not on the list, in all threads.
///
/// # Errors
/// [`NotApplied`] with what this kernel or this machine lacks.
pub fn allow_only_needed(needs: &Needs) -> Result<(), NotApplied> {
    let program = program(needs).map_err(|error| NotApplied::Refused(io::Error::other(error)))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
        seccompiler::Error::Seccomp(error) => NotApplied::Refused(error),
        other => NotApplied::Refused(io::Error::other(other)),
    })
}

fn program(needs: &Needs) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        rules(needs)?,
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

/// An empty list of rules allows any arguments.
fn rules(needs: &Needs) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules = BTreeMap::new();
    let removal = match needs.directories.as_slice() {
        [] => &[],
        _ => FILE_REMOVAL,
    };
    let always = GROUPS.iter().flat_map(|(_, calls)| *calls);
    for call in always.chain(removal) {
        rules.insert(*call, Vec::new());
    }
    for (call, index, allowed, _) in LIMITED {
        let one_of = allowed.iter().map(|argument| rule(*index, argument));
        rules.insert(*call, one_of.collect::<Result<_, _>>()?);
    }
    if needs.unix_datagrams {
        let (call, index, argument) = &PATH_LOOKUP;
        rules.insert(*call, vec![rule(*index, argument)?]);
    }
    // Signals only to our own threads: abort(3) sends one.
    let own = Argument::Is(std::process::id());
    rules.insert(libc::SYS_tgkill, vec![rule(0, &own)?]);
    Ok(rules)
}

fn rule(index: u8, argument: &Argument) -> Result<SeccompRule, BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    let (width, operator, value) = match *argument {
        Argument::Is(value) => (Dword, SeccompCmpOp::Eq, value),
        Argument::Masked(mask, value) => (Dword, SeccompCmpOp::MaskedEq(mask.into()), value),
        Argument::Null => (Qword, SeccompCmpOp::Eq, 0),
    };
    let condition = SeccompCondition::new(index, width, operator, value.into())?;
    SeccompRule::new(vec![condition])
}

#[cfg(test)]
mod tests;
