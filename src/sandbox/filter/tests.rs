//! The verdicts of the filter, from running its program without a kernel.

use std::os::fd::AsFd;

use libc::c_long;
use seccompiler::BpfProgram;

use super::{FILE_REMOVAL, Needs, program};

const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

/// Runs the program over a `struct seccomp_data`; it consists of a few instructions of classic BPF
/// (linux/filter.h).
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
    const NO_SIGNAL: u64 = libc::MSG_NOSIGNAL as u64;
    const FAST_OPEN: u64 = libc::MSG_FASTOPEN as u64;
    for (call, index, allowed, refused) in [
        (libc::SYS_clone, 0, THREAD, 0x0120_0011),
        (
            libc::SYS_clone,
            0,
            THREAD,
            THREAD | libc::CLONE_NEWUSER as u64,
        ),
        (libc::SYS_sendto, 3, NO_SIGNAL, NO_SIGNAL | FAST_OPEN),
        (libc::SYS_sendmsg, 2, NO_SIGNAL, NO_SIGNAL | FAST_OPEN),
        (libc::SYS_sendmmsg, 3, 0, FAST_OPEN),
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
fn a_path_is_looked_up_only_by_a_server_of_unix_datagrams_and_never_opened_to_be_read() {
    let needs = Needs {
        unix_datagrams: true,
        ..Needs::default()
    };
    let program = program(&needs).unwrap();
    let with = |call, flags: i32| verdict(&program, call, [0, 0, flags as u64, 0, 0, 0]);
    let lookup = libc::O_PATH | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    assert_eq!(with(libc::SYS_openat, lookup), ALLOWED);
    for flags in [
        0,
        libc::O_RDWR,
        libc::O_CREAT | libc::O_WRONLY,
        !libc::O_PATH,
    ] {
        assert_eq!(with(libc::SYS_openat, flags), REFUSED, "{flags:#x}");
    }
    assert_eq!(with(libc::SYS_openat2, lookup), REFUSED);
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
