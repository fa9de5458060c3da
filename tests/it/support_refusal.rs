//! Programs under a seccomp profile like a container's, which refuses some of their calls.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};

use crate::support::skipped;

/// Runs a test whose programs get `error` from each of `calls` whose arguments match its rules, or
/// from every such call if it has no rules. `None`, with a line that gives the reason, where this
/// is not possible.
pub fn refusing_where<R: Send>(
    calls: &[(i64, Vec<SeccompRule>)],
    error: i32,
    test: impl FnOnce() -> R + Send,
) -> Option<R> {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let Some(program) = program(calls, error) else {
        skipped("no filters for this architecture");
        return None;
    };
    std::thread::scope(|scope| {
        // A filter applies to the thread and everything that it starts, and cannot be removed
        // (seccomp(2)).
        let thread = std::thread::Builder::new().name(name);
        let thread = thread.spawn_scoped(scope, || {
            if seccompiler::apply_filter(&program).is_err() {
                skipped("calls cannot be filtered here");
                return None;
            }
            Some(test())
        });
        match thread.expect("no thread").join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// [`refusing_where`] with any arguments.
pub fn refusing<R: Send>(calls: &[i64], error: i32, test: impl FnOnce() -> R + Send) -> Option<R> {
    let calls: Vec<_> = calls.iter().map(|call| (*call, Vec::new())).collect();
    refusing_where(&calls, error, test)
}

fn program(calls: &[(i64, Vec<SeccompRule>)], error: i32) -> Option<BpfProgram> {
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.iter().cloned().collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(error as u32),
        std::env::consts::ARCH.try_into().ok()?,
    );
    filter.expect("the rules are sound").try_into().ok()
}
