//! The system calls that answering needs; all others are refused with seccomp (seccomp(2)).
//!
//! [`GROUPS`] and [`LIMITED`] are the whole list, each entry with its reason. Not on it, among all
//! others: opening files, new sockets, `bind`, `connect`, `execve`, new processes, signals to
//! others, `ptrace`, `mount`, `bpf`, `io_uring`.
//!
//! What is refused gets ENOSYS, as from a kernel that does not know the call. The process is not
//! killed: the C library tries newer calls before older ones (`clone3` before `clone`) and looks
//! into files when it feels like it, and a server that dies from an update of that library is a
//! worse server. Whoever took the process over gets nothing either way.
//!
//! Calls that are allowed whatever their arguments cost next to nothing: the kernel keeps them in
//! a bitmap (Linux 5.11, kernel/seccomp.c). All calls for each datagram are such calls.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

use super::Needs;

/// Calls allowed whatever their arguments, and why.
const GROUPS: &[(&str, &[c_long])] = &[
    (
        "texts and answers",
        &[
            libc::SYS_read,
            libc::SYS_readv,
            libc::SYS_recvfrom,
            libc::SYS_recvmsg,
            libc::SYS_recvmmsg,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_sendmmsg,
        ],
    ),
    (
        "connections and the state of sockets that are there",
        &[
            libc::SYS_accept4,
            libc::SYS_shutdown,
            libc::SYS_getsockopt,
            libc::SYS_setsockopt,
            libc::SYS_getsockname,
            libc::SYS_getpeername,
        ],
    ),
    (
        "descriptors of our own: wake-ups of workers and runtimes, copies, the end",
        &[
            libc::SYS_close,
            libc::SYS_dup,
            libc::SYS_epoll_create1,
            libc::SYS_eventfd2,
            libc::SYS_fstat,
            libc::SYS_pipe2,
        ],
    ),
    (
        "waiting, for descriptors, other threads and the time",
        &[
            libc::SYS_clock_getres,
            libc::SYS_clock_gettime,
            libc::SYS_clock_nanosleep,
            libc::SYS_epoll_ctl,
            libc::SYS_epoll_pwait,
            libc::SYS_epoll_pwait2,
            libc::SYS_futex,
            libc::SYS_gettimeofday,
            libc::SYS_nanosleep,
            libc::SYS_ppoll,
            // After SIGCONT, for a wait with a deadline.
            libc::SYS_restart_syscall,
            libc::SYS_sched_yield,
        ],
    ),
    (
        "memory; making it accessible is limited below",
        &[
            libc::SYS_brk,
            libc::SYS_madvise,
            libc::SYS_mremap,
            libc::SYS_munmap,
        ],
    ),
    (
        "threads: their start, their signals, their end, and that of the process",
        &[
            libc::SYS_exit,
            libc::SYS_exit_group,
            libc::SYS_getpid,
            libc::SYS_gettid,
            libc::SYS_membarrier,
            libc::SYS_rseq,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sched_getaffinity,
            libc::SYS_set_robust_list,
            libc::SYS_sigaltstack,
        ],
    ),
    (
        "random keys of hash tables, and what the process has used",
        &[libc::SYS_getrandom, libc::SYS_getrusage],
    ),
    ("older calls that this architecture has too", OLDER),
];

#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Calls allowed to a server that has socket files to remove.
const FILE_REMOVAL: &[c_long] = &[libc::SYS_flock, libc::SYS_newfstatat, libc::SYS_unlinkat];

/// Calls allowed with one of some arguments: the call, the number of the argument, what it may be,
/// and why.
const LIMITED: &[(c_long, u8, &[Argument], &str)] = &[
    (
        libc::SYS_clone,
        0,
        &[Argument::Masked(
            THREAD_OR_NAMESPACE,
            libc::CLONE_THREAD as u64,
        )],
        "threads, but no processes and no namespaces; clone3, whose flags cannot be seen, is refused",
    ),
    (
        libc::SYS_mmap,
        2,
        &[Argument::Masked(libc::PROT_EXEC as u64, 0)],
        "memory that holds no code",
    ),
    (
        libc::SYS_mprotect,
        2,
        &[Argument::Masked(libc::PROT_EXEC as u64, 0)],
        "the same, for the stacks of threads",
    ),
    (
        libc::SYS_prctl,
        0,
        &[Argument::Is(libc::PR_SET_NAME as u64)],
        "names of threads",
    ),
    (
        libc::SYS_prlimit64,
        2,
        &[Argument::Is(0)],
        "limits are asked, not set",
    ),
    (
        libc::SYS_fcntl,
        1,
        &[
            Argument::Is(libc::F_DUPFD_CLOEXEC as u64),
            Argument::Is(libc::F_GETFD as u64),
            Argument::Is(libc::F_SETFD as u64),
            Argument::Is(libc::F_GETFL as u64),
            Argument::Is(libc::F_SETFL as u64),
        ],
        "copies and flags of descriptors; no signals by F_SETOWN",
    ),
    (
        libc::SYS_ioctl,
        1,
        &[
            Argument::Is(libc::FIONBIO),
            Argument::Is(libc::FIONREAD),
            Argument::Is(libc::TIOCOUTQ),
            Argument::Is(libc::TCGETS),
        ],
        "sockets that do not block, the lengths of their queues, whether a terminal is there",
    ),
];

const THREAD_OR_NAMESPACE: u64 = (libc::CLONE_THREAD
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u64;

/// What an argument may be. Only its lower 32 bits are looked at where the kernel takes an `int`.
enum Argument {
    Is(u64),
    /// These bits of it.
    Masked(u64, u64),
}

/// Refuses every call that is not on the list, in all threads.
///
/// # Errors
/// What this kernel or this machine lacks, as words for a line.
pub fn allow_only_needed(needs: &Needs) -> Result<(), String> {
    let program = program(needs).map_err(|error| error.to_string())?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
        seccompiler::Error::Seccomp(error) => crate::error::plain(&error),
        other => other.to_string(),
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

/// No rule stands for every argument.
fn rules(needs: &Needs) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules = BTreeMap::new();
    let removal = match needs.directories.as_slice() {
        [] => &[],
        _ => FILE_REMOVAL,
    };
    let always = GROUPS.iter().flat_map(|(_, calls)| *calls);
    for call in always.chain(removal) {
        rules.insert(number(*call), Vec::new());
    }
    for (call, index, allowed, _) in LIMITED {
        let one_of = allowed.iter().map(|argument| rule(*index, argument));
        rules.insert(number(*call), one_of.collect::<Result<_, _>>()?);
    }
    // Signals to our own threads alone, as abort(3) sends one.
    let own = Argument::Is(std::process::id().into());
    rules.insert(number(libc::SYS_tgkill), vec![rule(0, &own)?]);
    Ok(rules)
}

fn rule(index: u8, argument: &Argument) -> Result<SeccompRule, BackendError> {
    let (operator, value) = match argument {
        Argument::Is(value) => (SeccompCmpOp::Eq, *value),
        Argument::Masked(mask, value) => (SeccompCmpOp::MaskedEq(*mask), *value),
    };
    let condition = SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value)?;
    SeccompRule::new(vec![condition])
}

/// As seccompiler counts them.
fn number(call: c_long) -> i64 {
    call
}
