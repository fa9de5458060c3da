//! Calls that this process may not make, because the kernel lacks them or a container's seccomp
//! profile refuses them.
//!
//! Without those for many datagrams, one call a datagram does the same, and this is said once.
//! Without others nothing works, which is to be found out before anybody relies on it.

use std::io;
use std::sync::Once;

use super::sys::{Call, may_be_refusal};

/// Whether `error`, which `call` has returned, is about the call itself, so that `instead` is to be
/// used from now on. A firewall's EPERM is about one datagram.
pub(crate) fn is_refused(call: Call, error: &io::Error, instead: Call) -> bool {
    static RECEIVING: Once = Once::new();
    static SENDING: Once = Once::new();
    if !may_be_refusal(error) || call.refusal().is_none() {
        return false;
    }
    let said = match call {
        Call::Sendmmsg => &SENDING,
        _ => &RECEIVING,
    };
    said.call_once(|| {
        let instead = instead.name();
        tracing::warn!("{}; using {instead}, which is slower", explain(call, error));
    });
    true
}

/// Refuses to go on where a call is refused that the verbs cannot do without, and whose refusal
/// would show only when somebody waits for an answer.
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
        // A call that failed for once may be made.
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
    fn the_error_of_one_datagram_is_no_refusal_of_the_call() {
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
    fn what_may_be_called_is_not_found_refused() {
        check_needed_calls().unwrap();
    }
}
