//! Calls for many datagrams that this process may not make, because the kernel lacks them or a
//! container's seccomp profile refuses them. Then one call a datagram does the same, and this is
//! said once.

use std::io;
use std::sync::Once;

use super::sys;

/// A call for many datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BatchCall {
    /// recvmmsg(2)
    Receive,
    /// sendmmsg(2)
    Send,
}

/// Whether `error`, which `call` has returned, is about the call itself.
///
/// A firewall's EPERM is about one datagram. To tell the two apart, the call is made once more, on
/// no descriptor: there only a refusal of the call itself comes before EBADF.
pub(crate) fn is_refused(call: BatchCall, error: &io::Error) -> bool {
    if !matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES)
    ) || sys::without_descriptor(call).raw_os_error() == Some(libc::EBADF)
    {
        return false;
    }
    static RECEIVE: Once = Once::new();
    static SEND: Once = Once::new();
    let (said, refused, instead) = match call {
        BatchCall::Receive => (&RECEIVE, "recvmmsg", "recvmsg"),
        BatchCall::Send => (&SEND, "sendmmsg", "sendmsg"),
    };
    said.call_once(|| {
        tracing::warn!(
            "the system call {refused} is refused here ({}), perhaps by a seccomp profile; using \
             {instead}, which is slower",
            crate::error::plain(error)
        );
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_one_datagram_is_no_refusal_of_the_call() {
        for call in [BatchCall::Receive, BatchCall::Send] {
            for number in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EAGAIN] {
                let error = io::Error::from_raw_os_error(number);
                assert!(!is_refused(call, &error), "{call:?} {error}");
            }
        }
    }
}
