//! Whether a system call is available: the kernel may lack it, or a seccomp profile may refuse it.

use std::io;
use std::ptr::null_mut;

/// A system call that is indispensable, or that has a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the call of the same name")]
pub(crate) enum Call {
    Accept4,
    EpollPwait,
    EpollWait,
    Getpeername,
    Recvfrom,
    Recvmmsg,
    Recvmsg,
    Sendmmsg,
    Sendmsg,
    Sendto,
    Shutdown,
    Socketpair,
}

impl Call {
    /// Its name in the man pages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accept4 => "accept4",
            Self::EpollPwait => "epoll_pwait",
            Self::EpollWait => "epoll_wait",
            Self::Getpeername => "getpeername",
            Self::Recvfrom => "recvfrom",
            Self::Recvmmsg => "recvmmsg",
            Self::Recvmsg => "recvmsg",
            Self::Sendmmsg => "sendmmsg",
            Self::Sendmsg => "sendmsg",
            Self::Sendto => "sendto",
            Self::Shutdown => "shutdown",
            Self::Socketpair => "socketpair",
        }
    }

    /// The refusal, if the call is refused for any arguments.
    ///
    /// It is tried on descriptor -1: an available call fails with EBADF before anything else can go
    /// wrong.
    pub(crate) fn refusal(self) -> Option<io::Error> {
        // SAFETY: no descriptor and no type has the number -1, so that none of these does anything,
        // and the kernel answers a null pointer that it would have to read or write through with
        // EFAULT.
        let result = unsafe {
            match self {
                Self::Accept4 => libc::accept4(-1, null_mut(), null_mut(), 0) as isize,
                Self::EpollPwait => libc::epoll_pwait(-1, null_mut(), 0, 0, null_mut()) as isize,
                Self::EpollWait => libc::epoll_wait(-1, null_mut(), 0, 0) as isize,
                Self::Getpeername => libc::getpeername(-1, null_mut(), null_mut()) as isize,
                Self::Recvfrom => libc::recvfrom(-1, null_mut(), 0, 0, null_mut(), null_mut()),
                Self::Recvmmsg => libc::recvmmsg(-1, null_mut(), 0, 0, null_mut()) as isize,
                Self::Recvmsg => libc::recvmsg(-1, null_mut(), 0),
                Self::Sendmmsg => libc::sendmmsg(-1, null_mut(), 0, 0) as isize,
                Self::Sendmsg => libc::sendmsg(-1, null_mut(), 0),
                Self::Sendto => libc::sendto(-1, null_mut(), 0, 0, null_mut(), 0),
                Self::Shutdown => libc::shutdown(-1, libc::SHUT_RD) as isize,
                Self::Socketpair => libc::socketpair(libc::AF_UNIX, -1, 0, null_mut()) as isize,
            }
        };
        let error = io::Error::last_os_error();
        (result < 0 && may_be_refusal(&error)).then_some(error)
    }
}

/// What a refusal looks like; there are other reasons for each of them.
pub(crate) fn may_be_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES)
    )
}
