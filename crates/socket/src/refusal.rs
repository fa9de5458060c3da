//! System calls that this process may not make, because the kernel lacks them or a container's
//! seccomp profile refuses them.
//!
//! The calls for many datagrams are replaced by one call per datagram, with one warning. Others are
//! indispensable; a check at start-up reports them.

use std::io;
use std::sync::Once;

use super::sys::{Call, may_be_refusal};

/// Whether `error`, which `call` has returned, is about the call itself, so that the caller must
/// use `instead` from now on. A firewall's EPERM is about one datagram.
pub(crate) fn is_refused(call: Call, error: &io::Error, instead: Call) -> bool {
    static RECEIVING: Once = Once::new();
    static SENDING: Once = Once::new();
    if !may_be_refusal(error) || call.refusal().is_none() {
        return false;
    }
    let warned = match call {
        Call::Sendmmsg => &SENDING,
        _ => &RECEIVING,
    };
    warned.call_once(|| {
        let instead = instead.name();
        tracing::warn!("{}; using {instead}, which is slower", explain(call, error));
    });
    true
}

/// Fails if an indispensable call is refused whose refusal would otherwise show only when a client
/// waits for its answer.
///
/// # Errors
/// The first such call, in words.
pub fn check_needed_calls() -> io::Result<()> {
    const NEEDED: [Call; 10] = [
        Call::Accept4,
        Call::EpollPwait,
        Call::EpollWait,
        Call::Getpeername,
        Call::Recvfrom,
        Call::Recvmsg,
        Call::Sendmsg,
        Call::Sendto,
        Call::Shutdown,
        Call::Socketpair,
    ];
    for call in NEEDED {
        // Checked twice, as a call can fail once for another reason.
        if let Some(error) = call.refusal().and_then(|_| call.refusal()) {
            return Err(io::Error::other(explain(call, &error)));
        }
    }
    Ok(())
}

fn explain(call: Call, error: &io::Error) -> String {
    format!(
        "the system call {} is refused here ({}), perhaps by a seccomp profile",
        call.name(),
        crate::error::plain(error)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_one_datagram_is_not_a_refusal_of_the_call() {
        for (call, instead) in [
            (Call::Recvmmsg, Call::Recvmsg),
            (Call::Sendmmsg, Call::Sendmsg),
        ] {
            for number in [libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EAGAIN] {
                let error = io::Error::from_raw_os_error(number);
                assert!(!is_refused(call, &error, instead), "{call:?} {error}");
            }
        }
    }

    #[test]
    fn permitted_calls_are_not_reported_as_refused() {
        check_needed_calls().unwrap();
    }
}
