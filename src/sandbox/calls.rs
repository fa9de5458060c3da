//! The list of system calls that answering needs, each with its reason; `filter` enforces it.
//!
//! Not on it, among all others: opening files, new sockets, `bind`, `connect`, `execve`, new
//! processes, signals to other processes, `ptrace`, `mount`, `bpf`, `io_uring`.
//!
//! Calls that are allowed with any arguments cost next to nothing: the kernel keeps them in a bitmap
//! (Linux 5.11, kernel/seccomp.c). Of the calls for each batch of datagrams and each line, only those
//! that send are not among them.

use libc::c_long;

/// Calls allowed with any arguments, and why.
pub(super) const GROUPS: &[(&str, &[c_long])] = &[
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
        ],
    ),
    (
        "connections, and the state of existing sockets",
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
        "own descriptors: wake-ups of workers and of the runtime, copies, closing",
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
        "memory; mapping and protecting it is limited below",
        &[
            libc::SYS_brk,
            libc::SYS_madvise,
            libc::SYS_mremap,
            libc::SYS_munmap,
        ],
    ),
    (
        "threads: their start, signals and end, and the end of the process",
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
        "random keys of hash tables; the resource usage of the process, also from files of /proc opened before",
        &[libc::SYS_getrandom, libc::SYS_getrusage, libc::SYS_pread64],
    ),
    ("older forms of these calls on this architecture", OLDER),
];

#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Calls allowed to a server that has socket files to remove.
pub(super) const FILE_REMOVAL: &[c_long] =
    &[libc::SYS_flock, libc::SYS_newfstatat, libc::SYS_unlinkat];

/// Allowed to a server that answers Unix datagrams: looking up a path. A descriptor opened this way can
/// be neither read nor written, and flags that contradict this are ignored (open(2), O_PATH).
pub(super) const PATH_LOOKUP: (c_long, u8, Argument) = (
    libc::SYS_openat,
    2,
    Argument::Masked(libc::O_PATH as u32, libc::O_PATH as u32),
);

/// Calls allowed with certain arguments only: the call, the index of the argument, its allowed values,
/// and why.
pub(super) const LIMITED: &[(c_long, u8, &[Argument], &str)] = &[
    (
        libc::SYS_sendto,
        3,
        &[NO_FAST_OPEN],
        "answers, but no connections by TCP Fast Open, which Landlock does not check",
    ),
    (libc::SYS_sendmsg, 2, &[NO_FAST_OPEN], "the same"),
    (
        libc::SYS_sendmmsg,
        3,
        &[NO_FAST_OPEN],
        "the same; the kernel ignores the flags in each message (net/socket.c)",
    ),
    (
        libc::SYS_clone,
        0,
        &[Argument::Masked(
            THREAD_OR_NAMESPACE,
            libc::CLONE_THREAD as u32,
        )],
        "threads, but no processes and no namespaces; clone3, whose flags a filter cannot read, is refused",
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
        "limits are read, not set",
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
        "copies and flags of descriptors; no signals through F_SETOWN",
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
        "non-blocking sockets, the lengths of their queues, whether a descriptor is a terminal",
    ),
];

/// With MSG_FASTOPEN a send also connects, even on a listener that was shut down (tcp(7)).
const NO_FAST_OPEN: Argument = Argument::Masked(libc::MSG_FASTOPEN as u32, 0);

const THREAD_OR_NAMESPACE: u32 = (libc::CLONE_THREAD
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u32;

/// The allowed value of an argument.
pub(super) enum Argument {
    /// This `int`: the kernel reads the lower half of the register.
    Is(u32),
    /// The bits of an `int` under a mask: the mask, and their value.
    Masked(u32, u32),
    /// The null pointer.
    Null,
}
