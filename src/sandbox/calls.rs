//! The system calls that answering needs; all others are refused with seccomp (seccomp(2)).
//!
//! `GROUPS` and `LIMITED` are the whole list, each entry with its reason. Not on it, among all
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
        "random keys of hash tables, and what the process has used, also from files of /proc opened before",
        &[libc::SYS_getrandom, libc::SYS_getrusage, libc::SYS_pread64],
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
            libc::CLONE_THREAD as u32,
        )],
        "threads, but no processes and no namespaces; clone3, whose flags cannot be seen, is refused",
    ),
    (
        libc::SYS_mmap,
        2,
        &[Argument::Masked(libc::PROT_EXEC as u32, 0)],
        "memory that holds no code",
    ),
    (
        libc::SYS_mprotect,
        2,
        &[Argument::Masked(libc::PROT_EXEC as u32, 0)],
        "the same, for the stacks of threads",
    ),
    (
        libc::SYS_prctl,
        0,
        &[Argument::Is(libc::PR_SET_NAME as u32)],
        "names of threads",
    ),
    (
        libc::SYS_prlimit64,
        2,
        &[Argument::Null],
        "limits are asked, not set",
    ),
    (
        libc::SYS_fcntl,
        1,
        &[
            Argument::Is(libc::F_DUPFD_CLOEXEC as u32),
            Argument::Is(libc::F_GETFD as u32),
            Argument::Is(libc::F_SETFD as u32),
            Argument::Is(libc::F_GETFL as u32),
            Argument::Is(libc::F_SETFL as u32),
        ],
        "copies and flags of descriptors; no signals by F_SETOWN",
    ),
    (
        libc::SYS_ioctl,
        1,
        &[
            Argument::Is(libc::FIONBIO as u32),
            Argument::Is(libc::FIONREAD as u32),
            Argument::Is(libc::TIOCOUTQ as u32),
            Argument::Is(libc::TCGETS as u32),
        ],
        "sockets that do not block, the lengths of their queues, whether a terminal is there",
    ),
];

const THREAD_OR_NAMESPACE: u32 = (libc::CLONE_THREAD
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u32;

/// What an argument may be.
enum Argument {
    /// This number, as an `int`, of which the kernel sees the lower half of the register.
    Is(u32),
    /// These bits of it, likewise.
    Masked(u32, u32),
    /// The null pointer.
    Null,
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
        rules.insert(*call, Vec::new());
    }
    for (call, index, allowed, _) in LIMITED {
        let one_of = allowed.iter().map(|argument| rule(*index, argument));
        rules.insert(*call, one_of.collect::<Result<_, _>>()?);
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
    const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

    /// What the program says to a call, by the few instructions of classic BPF that it is made of
    /// (linux/filter.h), over a `struct seccomp_data`.
    fn verdict(program: &BpfProgram, call: c_long, arguments: [u64; 6]) -> u32 {
        const AUDIT_ARCH: u32 = match cfg!(target_arch = "x86_64") {
            true => 0xc000_003e,
            false => 0xc000_00b7,
        };
        let mut data = vec![call as u32, AUDIT_ARCH, 0, 0];
        data.extend(
            arguments
                .iter()
                .flat_map(|it| [*it as u32, (it >> 32) as u32]),
        );
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            let mut jump_if = |holds| at += usize::from(if holds { step.jt } else { step.jf });
            match step.code {
                0x20 => accumulator = data[step.k as usize / 4],
                0x54 => accumulator &= step.k,
                0x05 => at += step.k as usize,
                0x15 => jump_if(accumulator == step.k),
                0x25 => jump_if(accumulator > step.k),
                0x35 => jump_if(accumulator >= step.k),
                0x06 => return step.k,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    #[test]
    fn what_a_server_never_does_is_refused_whatever_the_arguments() {
        let program = program(&Needs::default()).unwrap();
        for call in [
            libc::SYS_bind,
            libc::SYS_bpf,
            libc::SYS_capset,
            libc::SYS_chroot,
            libc::SYS_clone3,
            libc::SYS_connect,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_finit_module,
            libc::SYS_io_uring_enter,
            libc::SYS_io_uring_setup,
            libc::SYS_kexec_load,
            libc::SYS_keyctl,
            libc::SYS_kill,
            libc::SYS_listen,
            libc::SYS_memfd_create,
            libc::SYS_mount,
            libc::SYS_openat,
            libc::SYS_openat2,
            libc::SYS_perf_event_open,
            libc::SYS_personality,
            libc::SYS_pidfd_send_signal,
            libc::SYS_pkey_mprotect,
            libc::SYS_process_vm_writev,
            libc::SYS_ptrace,
            libc::SYS_setns,
            libc::SYS_setuid,
            libc::SYS_shmat,
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_tkill,
            libc::SYS_unlinkat,
            libc::SYS_unshare,
            libc::SYS_userfaultfd,
        ] {
            for value in [0, 1, u64::MAX] {
                assert_eq!(verdict(&program, call, [value; 6]), REFUSED, "{call}");
            }
        }
        assert_eq!(verdict(&program, libc::SYS_recvmmsg, [7; 6]), ALLOWED);
    }

    #[test]
    fn some_calls_are_allowed_with_some_arguments() {
        let program = program(&Needs::default()).unwrap();
        let with = |call, index: usize, value: u64| {
            let mut arguments = [0x55; 6];
            arguments[index] = value;
            verdict(&program, call, arguments)
        };
        let own = u64::from(std::process::id());
        // What glibc's pthread_create(3) passes.
        const THREAD: u64 = 0x3d_0f00;
        for (call, index, allowed, refused) in [
            (libc::SYS_clone, 0, THREAD, 0x0120_0011),
            (
                libc::SYS_clone,
                0,
                THREAD,
                THREAD | libc::CLONE_NEWUSER as u64,
            ),
            (libc::SYS_mmap, 2, 0b011, 0b111),
            (libc::SYS_mprotect, 2, 0b011, 0b101),
            (libc::SYS_prctl, 0, 15, libc::PR_SET_DUMPABLE as u64),
            (libc::SYS_prlimit64, 2, 0, 1 << 40),
            (
                libc::SYS_fcntl,
                1,
                libc::F_SETFL as u64,
                libc::F_SETOWN as u64,
            ),
            (libc::SYS_ioctl, 1, libc::FIONBIO, libc::TIOCSTI),
            (libc::SYS_tgkill, 0, own, own + 1),
        ] {
            assert_eq!(with(call, index, allowed), ALLOWED, "{call} {allowed:#x}");
            assert_eq!(with(call, index, refused), REFUSED, "{call} {refused:#x}");
        }
    }

    #[test]
    fn files_are_removed_only_by_a_server_that_made_some() {
        let here = std::fs::File::open(".").unwrap();
        let needs = Needs {
            directories: vec![here.as_fd()],
            ..Needs::default()
        };
        let program = program(&needs).unwrap();
        for call in FILE_REMOVAL {
            assert_eq!(verdict(&program, *call, [0; 6]), ALLOWED);
        }
        assert_eq!(verdict(&program, libc::SYS_openat, [0; 6]), REFUSED);
    }
}
