//! The cause under which an answer is counted that the kernel refused to send.

use std::io;

use crate::stats::DropCause;
use bullhorn_socket::datagrams::NotSendersSocket;

/// The cause by the kernel's error (sendmsg(2), udp(7), unix(7)).
pub(super) fn cause_of(error: &io::Error, is_unix: bool) -> DropCause {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<NotSendersSocket>())
    {
        return DropCause::NotSendersSocket;
    }
    match error.raw_os_error().unwrap_or(0) {
        libc::EACCES if is_unix => DropCause::NotPermitted,
        libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM => DropCause::QueueFull,
        libc::ECONNREFUSED
        | libc::ECONNRESET
        | libc::ENOENT
        | libc::EPIPE
        | libc::ENOTCONN
        | libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::EHOSTDOWN
        | libc::ENETDOWN => DropCause::PeerGone,
        libc::EMSGSIZE => DropCause::AnswerTooLarge,
        _ => DropCause::SendFailed,
    }
}
