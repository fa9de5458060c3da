//! The filter that is made of the list, and its way into the kernel. Which calls are needed, and
//! why, is on the list; only the rule that has our own process in it is here.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use super::{Argument, FILE_REMOVAL, GROUPS, LIMITED, PATH_LOOKUP};
use crate::sandbox::error::NotApplied;
use crate::sandbox::needs::Needs;

/// Refuses every call that is not on the list, in all threads.
///
/// # Errors
/// What this kernel or this machine lacks.
pub fn allow_only_needed(needs: &Needs) -> Result<(), NotApplied> {
    let program = program(needs).map_err(NotApplied::refused)?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
        seccompiler::Error::Seccomp(error) => NotApplied::Refused(error),
        other => NotApplied::refused(other),
    })
}

pub(super) fn program(needs: &Needs) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        rules(needs)?,
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

/// No rule stands for every argument.
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
    // Signals to our own threads alone, as abort(3) sends one.
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
